"""WAS IT ANSWERED TRULY? Pure: a signed answer and what the ledger holds in; the lies in it out, each with its proof.

What no proof can show is a signed answer (statements/answer). Whoever holds a statement that it had to name, and does
not, holds the proof that its signer lied; the file of that proof convinces everybody, offline, with trust alone.

    conviction   the file: an answer, and what shows it false
    lies         the rules: what an honest answer cannot be, whoever shows what
    convict      a file and trust in; who lied, about what, since when out
    replay       an answer and a mirror of the ledger in; the convictions out, each of the fewest leaves
"""

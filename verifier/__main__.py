"""`python -m verifier VERB`; the verbs live in commands/."""

from verifier.commands import main

main(prog_name="python -m verifier")

"""WHAT DO OTHERS' DATA SAY OF US? Every vector and photograph under PROBATUM_VECTORS, judged by the part that is built.

    rows        what one row is, and what a set of them is
    arguments   the differences argued in docs/conformance.md, read from it
    report      the table, the differing rows, var/conformance.json
    sets/       one file a source: rows in, rows out, none dropped
    __main__    python -m conformance

A composer, like benchmarks: it may import anything, and nothing imports it but tests.
"""

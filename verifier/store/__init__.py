"""WHAT IS KEPT? Redis and the deposits; no other room speaks to either.

    layout      every key
    log         the ledger's bytes               projection  what follows from them
    gather      an identity -> its evidence
    redis       the connection, and whether a server may forget
    servers     which Redis program may open a folder
    embedded    the private server of a machine that has none
"""

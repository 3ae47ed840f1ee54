"""The map of the house. Each room is named by the question it answers.

    identity/    PURE     what does the code say?
    statements/  PURE     who signed what?
    ledger/      PURE     what cannot be unsaid?
    custody/     PURE     what may happen to a thing?
    state/       PURE     what follows from the ledger?
    verdict/     PURE     what does it mean?
    labels/               what is printed?
    store/       REDIS    what is kept?
    vault/       DISK     what may be forgotten?
    node/                 what do members tell each other?
    web/         HTTP     what is shown?
    commands/             the terminal, one verb a file
"""

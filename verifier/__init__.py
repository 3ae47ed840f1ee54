"""The map of the house: each room is named by the question it answers, and has its own law on its door.

    identity/    PURE     what does the code say?              gs1, digital_link, sent, text -> Identity; national,
                                                                wedge
    statements/  PURE     who signed what?                     envelope, kinds (the table), a body a file, serials,
                                                                pack_signature, catalogue_rows
    ledger/      PURE     what cannot be unsaid?               merkle, tiles, note, cosignature, checkpoint, policy,
                                                                witnessing, proof, anchor (with anchor.vy)
    custody/     PURE     what may happen to a thing?          transitions (the table), history
    state/       PURE     what follows from the ledger?        replay: kind -> reducer; keys, pack, pack_keys,
                                                                catalogues
    verdict/     PURE     what does it mean?                   evidence, trust, reasons, viewers (tables), judge
                                                                with its findings and facts, several; beside (what
                                                                is told and judges nothing)
    answers/     PURE     was it answered truly?               conviction (the file), lies (the rules), convict,
                                                                replay
    labels/               what is printed?                     symbol, label, box
    store/       REDIS    what is kept?                        layout (every key), log, projection, gather, anchors
    vault/       DISK     what may be forgotten?               openings, each under a key that can be destroyed
    node/        NETWORK  what do members tell each other?     queue, draft, laying, sequencer, lease, boot, auditor,
                                                                watcher (with memory, questions, inbox),
                                                                rehash (with patrol, fsck, shadow), restoring,
                                                                pending, cosigning (with cosigners, quorum, standing),
                                                                mirror (a log as files: copying, proved), held (what
                                                                is here), remote (a log by HTTP), anchoring (with
                                                                ethereum, account, rpc, ether, local_chain,
                                                                against_chain)
    witness/     HTTP     who else has seen it?                state, cosigning, forks, follower (with index,
                                                                members), doors (with shelf), server
    web/         HTTP     what is shown?                       doors/ for machines, pages/ for people, limits, openapi,
                                                                shelf (catalogues), anchored, deposited, in_force,
                                                                ledger (of itself), brought (to it), chart
    commands/             the terminal, one verb a file
    samples/              files in the shape of public ones, all invented, to import
    demo.py               a small consortium to try everything on
    consortium/           the same with five witnesses, and what happens when one of us fails, or lies

settings.py reads the environment, process.py keeps a child process, files.py writes whole files: they know nothing of
ours. Imports run one way (tests/test_architecture.py holds them): a pure room asks no clock, no disk, no network; their
answers are arguments.

The river: photo -> grey pixels -> symbols -> Identity -> gather -> Evidence -> judge -> Verdict -> page. Every value is
frozen; between pixels and page only `gather` touches the world.
"""

"""WHAT CANNOT BE UNSAID? An append-only Merkle tree of opaque entries. Pure: bytes in, bytes out.

The room does not know what a medicine is and imports nothing of ours. The formats are the field's own:
RFC 6962 and 9162 for the tree, C2SP's signed-note, tlog-checkpoint, tlog-cosignature, tlog-tiles, tlog-policy,
tlog-witness and tlog-proof.

    encoding     one spelling a value: strict base64 and decimals, and the root of the room's errors
    merkle       hashes, and the two proofs checked: inclusion, consistency
    tiles        the tree as it is stored: growing it, and making the two proofs
    note         a text and its signatures
    cosignature  a witness's signature over a checkpoint, and when
    policy       whose checkpoints are believed, and cosigned by how many
    checkpoint   origin, size and root, signed
    anchor       what is said to an Ethereum contract (anchor.vy) and heard from it, and when it is believed
    witnessing   what a log asks of a witness, and what it is answered
    proof        all that one needs offline: index, path, checkpoint
"""

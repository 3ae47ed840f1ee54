"""WHO ELSE HAS SEEN IT? A witness of the log: a member's own process that cosigns only what grew, and keeps a copy.

An HTTP server of its own, without Redis and without the web's rooms, so that every centre can run one anywhere. Nothing
is judged here: a witness says that it saw one tree grow, never that what stands in it is true.

    cosigning   check, persist, then answer: one lock over the three
    state       the key, and what was cosigned last, as files
    forks       two signed notes that cannot both be true: the log's conviction, kept
    follower    asks the log what it shows to everybody, and mirrors it
    index       which leaf a statement is, and who may read it
    doors       HTTP: C2SP tlog-witness and tlog-tiles, and our own paths
    server      waitress, with a bound on every size, every wait and every number
"""

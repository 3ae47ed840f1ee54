"""WHO SIGNED WHAT? The envelope, the table of kinds, one body a kind, and the serial tree of a batch. Pure."""

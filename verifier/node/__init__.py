"""What do members tell each other? The node process: the only holder of the log's key, the only writer of the log."""

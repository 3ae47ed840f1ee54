"""What follows from the ledger? Pure reducers: the same statements in the same order give the same bytes."""

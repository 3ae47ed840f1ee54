"""What may happen to a thing? Pure: the table of transitions, and what a history of steps means."""

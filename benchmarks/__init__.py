"""Figures, each as a ratio against a peer measured in the same run. Nothing here is a test: an aim not met is shown."""

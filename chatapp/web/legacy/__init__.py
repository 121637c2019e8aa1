"""The client of the original program and of its relatives: other names for a few things, pictures in texts."""

"""Every SQL statement of a database that is one SQLite file, split by noun; records in, records out."""

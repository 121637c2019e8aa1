"""The store on one SQLite file: every SQL statement, split by noun; records in, records out."""

"""Records to HTML, in the reader's language."""

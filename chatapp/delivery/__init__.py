"""From an accepted message to every page and to the disk."""

"""Conversations: their pages, sending, changing, reading, pictures."""

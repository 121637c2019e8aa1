"""Conversations: their pages, posting, revising, read marks, pictures."""

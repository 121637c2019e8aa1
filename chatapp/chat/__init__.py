"""The rules of the chat: what people may do, and what follows from it."""

"""What another chat program left behind, given its place: people, rooms, direct conversations, times, pictures."""

LOCKED = "!"  # stored as the password of a name that wrote messages but never had an account

"""Import of another chat program's database: people, rooms, direct conversations, times, pictures."""

LOCKED = "!"  # stored instead of a password: nobody can log in

"""What was done when a database of another program was adopted."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Report:
    """What was adopted, in figures and names."""

    copy: str = ""  # where the file is kept as it was
    people: int = 0
    ghosts: int = 0  # authors without an account
    messages: int = 0
    directs: int = 0
    pictures: int = 0
    renamed: list[tuple[str, str]] = field(default_factory=list)  # old and new name
    shared: bool = False  # several people had one name
    untimed: int = 0  # messages whose time cannot be read
    unreadable_pictures: int = 0
    removed: int = 0  # messages that the old program no longer showed
    unreadable_passwords: list[str] = field(default_factory=list)
    known_passwords: list[str] = field(default_factory=list)
    rooms: list[str] = field(default_factory=list)  # that only the old program had
    aside: list[str] = field(default_factory=list)  # tables that are in the copy only
    guessing: float = 0.0  # seconds that the search for default passwords took

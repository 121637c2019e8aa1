"""Messages, and the drafts that become messages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from chatapp.model.conversations import Conversation
from chatapp.model.pictures import Picture
from chatapp.model.refusals import Rejected
from chatapp.model.texts import clean

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True, slots=True)
class Draft:
    """What an author wants to post, checked: everything that can be refused was refused in ``parse``."""

    content: str
    key: str
    pictures: tuple[Picture, ...] = ()

    @classmethod
    def parse(cls, content: object, key: object, pictures: tuple[Picture, ...] = ()) -> Draft:
        """Check and trim what came in. Raise Rejected with a sentence for the author."""
        if not isinstance(content, str):
            raise Rejected("content_type")
        checked = parse_key(key)
        return cls(clean(content, empty_is_fine=bool(pictures)), checked, pictures)


def parse_key(key: object) -> str:
    """Return a key that has the right form. Raise Rejected."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise Rejected("key")
    return key


Identity = tuple[Conversation, int]  # of a message


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was accepted. ``rev`` is the number of its latest change, at first its id."""

    id: int
    rev: int
    conversation: Conversation
    author_id: int
    author: str  # the author's username, empty once they have left
    content: str
    created_at: str  # UTC, ISO 8601 with milliseconds and "Z"; for display only, ids carry the order
    key: str = ""  # of the author's request: the post, or the change that made this revision
    pictures: tuple[Picture, ...] = field(default=())
    edited_at: str | None = None
    removed: bool = False  # a tombstone keeps its place; its content and pictures are shown to nobody

    @property
    def is_change(self) -> bool:
        """Tell whether this is a later revision of a message, and not the message as it was posted."""
        return self.rev != self.id

    @property
    def identity(self) -> Identity:
        """Name the message. Its id alone does not: the original program counted rooms and private messages apart."""
        return self.conversation, self.id

    def same_as(self, draft: Draft) -> bool:
        """Tell whether a draft under the same key is a retry of this message."""
        if self.is_change:
            return True  # what it said when it was posted is not here any more; the key alone has to do
        mine = [picture.digest for picture in self.pictures]
        return self.content == draft.content and mine == [picture.digest for picture in draft.pictures]


# What to undo: a message id, and the revision to put back; without one the message is deleted.
Undo = tuple[int, Message | None]


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a conversation in id order, seen in one committed state whose watermark it carries."""

    messages: list[Message]
    older: bool  # there are messages before the first one
    newer: bool  # there are messages after the last one
    watermark: int

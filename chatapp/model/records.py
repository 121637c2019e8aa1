"""What the chat is about: users, conversations, drafts, messages, pictures, and what may be refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chatapp.model.normal import composed

CONTENT_LIMIT = 4_000  # characters of one message; a screenful of prose, small enough to render on every page
# A letter is at most four characters before NFC puts it together: of more than this too many are left in any case.
_TYPED_LIMIT = 4 * CONTENT_LIMIT
CONTENT_BYTES = 16_000  # UTF-8 bytes of it: four bytes a character is all that UTF-8 can need
PICTURES_LIMIT = 10  # pictures of one message
PICTURE_BYTES = 10 * 2**20  # bytes of one picture as uploaded
TALLEST_IN_LOG = 448  # CSS pixels of a picture: most of a phone's screen, so that what was said around it is seen too
ID_LIMIT = 2**53  # ids stay exact in JavaScript's numbers below this

_THUMB_SHORT, _CUT = 100, 1.05  # pixels; how much longer a picture is than its thumbnail when that was cut
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
# Line breaks by other names: Word and PowerPoint copy a soft line break as U+000B, form feeds come out of old text
# files, and U+0085, U+2028 and U+2029 are Unicode's own (Unicode Standard, section 5.8).
_LINE_BREAK = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Kept in messages: a line break and a tab. Every other control character has no look of its own and can
# disturb terminals, logs and the layout of a page.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNSEEN = {"Cc", "Cf", "Zs", "Zl", "Zp"}  # categories of spaces and invisible signs
# Characters without a look of their own that Unicode counts as letters, marks or symbols: fillers, inherent
# vowels, variation selectors, blanks. They make names look alike, and names and messages look empty.
BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)


def sentence(text: str) -> str:
    """Mark a sentence for translation; it is translated where it is shown."""
    return text


class Rejected(Exception):  # noqa: N818 - an answer to a person, not a failure of the program
    """Say no to what a person asked, with a reason that may be shown to them.

    ``code`` is for programs, ``reason`` an English sentence to translate and to fill with ``values``.
    ``retry`` says whether the same request can succeed later, ``retry_after`` (seconds) when.
    """

    def __init__(
        self, code: str, reason: str, *, retry: bool = False, retry_after: float | None = None, **values: Any
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.retry = retry
        self.retry_after = retry_after
        self.values = values


class NotFound(Exception):  # noqa: N818 - an answer to a person, not a failure of the program
    """Say that a thing is not there, or not there for the person who asks."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account."""

    id: int
    username: str
    role: str = "user"
    language: str | None = None  # "vi", "en"; None follows the browser
    theme: str | None = None  # "light", "dark"; None follows the system
    left: bool = False  # the account was deleted; ``username`` is then an address, and no name to be shown


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in of a user on one browser. ``id`` is the hash that the database holds, not the cookie's value."""

    id: str
    user: User


@dataclass(frozen=True, slots=True)
class Room:
    """A conversation open to every user. ``name`` is None for the three rooms whose names are translated."""

    id: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """Where messages go: a room, or the pair of users (smaller id first) of a direct conversation."""

    room: str | None = None
    pair: tuple[int, int] | None = None

    @classmethod
    def direct(cls, one: int, other: int) -> Conversation:
        """Return the conversation of two users, the same for both of them."""
        return cls(pair=(min(one, other), max(one, other)))

    @property
    def key(self) -> str:
        """Name the conversation in frames, pages and the database: a room's id, or ``@3-7``."""
        return self.room if self.room is not None else "@{}-{}".format(*self.pair or ())

    def other(self, user_id: int) -> int:
        """Return the id of the other user of a direct conversation."""
        assert self.pair is not None, "a room has no other user"
        return self.pair[1] if self.pair[0] == user_id else self.pair[0]

    def admits(self, user_id: int) -> bool:
        """Tell whether a user may read and write here."""
        return self.pair is None or user_id in self.pair


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored picture of a message; sizes in pixels, as shown (turned upright)."""

    id: str
    name: str
    width: int
    height: int
    thumb_width: int
    thumb_height: int
    digest: str = ""  # SHA-256 of the uploaded bytes, hex: tells a retry from another picture under one key

    @property
    def size_in_log(self) -> tuple[float, float]:
        """Return the size at which the log shows the thumbnail where there is room: its whole shape, not too tall.

        How wide it is the page decides, and so how tall is what is no taller than wide. Not rounded to whole pixels:
        the shape is exactly that of the thumbnail, so that nothing moves when it has loaded.
        """
        upright = self.thumb_height > self.thumb_width
        scale = min(1.0, TALLEST_IN_LOG / self.thumb_height) if upright else 1.0
        return round(self.thumb_width * scale, 3), round(self.thumb_height * scale, 3)

    @property
    def beyond(self) -> str:
        """Tell where a picture goes on that its thumbnail shows the beginning of: "below", "beside" or nowhere ("")."""
        # With fewer pixels than that the rounding of a whole thumbnail alone makes as much of a difference.
        if min(self.thumb_width, self.thumb_height) < _THUMB_SHORT:
            return ""
        longer = (self.height * self.thumb_width) / max(self.width * self.thumb_height, 1)
        return "below" if longer > _CUT else "beside" if longer < 1 / _CUT else ""


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
            raise Rejected("content_type", sentence("A message must be text."))
        checked = key_of(key)
        return cls(clean(content, empty_is_fine=bool(pictures)), checked, pictures)


def key_of(key: object) -> str:
    """Return a key that has the right form. Raise Rejected."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise Rejected("key", sentence("The message key must be 16 to 64 letters, digits, hyphens or underscores."))
    return key


def clean(content: str, *, empty_is_fine: bool = False) -> str:
    """Return the text of a message composed (``normal.composed``), without control characters. Raise Rejected.

    Indentation, runs of spaces and empty lines stay as they were typed; blanks at the end go. The text may be of any
    length: what is too long is refused before anything is done that takes long.
    """
    text = content.rstrip()
    if len(text) > _TYPED_LIMIT:
        raise _too_long(len(text))
    if _SURROGATE.search(text):
        raise Rejected("content_encoding", sentence("This text holds half a character. Please type it again."))
    text = _CONTROL.sub("", _LINE_BREAK.sub("\n", text))
    text = composed(text).rstrip()
    if all(unicodedata.category(character) in _UNSEEN or BLANK.match(character) for character in text):
        text = ""
    if not text and not empty_is_fine:
        raise Rejected("empty", sentence("A message cannot be empty."))
    if len(text) > CONTENT_LIMIT:
        raise _too_long(len(text))
    return text


def _too_long(length: int) -> Rejected:
    reason = sentence("A message can have at most {limit} characters; this one has {length}.")
    return Rejected("too_long", reason, limit=CONTENT_LIMIT, length=length)


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


def number(value: object) -> int | None:
    """Return an id or a cursor as it stands in an address or a frame; None if it is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(ID_LIMIT)):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < ID_LIMIT:
        return value
    return None


def cursor(given: Mapping[str, object]) -> int | None:
    """Return the cursor that a page gives as ``since``, None if it gives none.

    What is there and is no number is beyond everything: such a page gets its list anew, and never part of a gap.
    """
    if "since" not in given:
        return None
    found = number(given["since"])
    return ID_LIMIT if found is None else found


def id_of(text: str) -> int:
    """Return the id in an address. Raise NotFound."""
    found = number(text)
    if not found:
        raise NotFound
    return found

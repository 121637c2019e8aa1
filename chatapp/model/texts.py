"""The text of a message: its limits, and what is left out of it."""

from __future__ import annotations

import re
import unicodedata

from chatapp.model.normal import composed
from chatapp.model.refusals import Rejected

CONTENT_LIMIT = 4_000  # characters of one message; a screenful of prose, small enough to render on every page
# A letter is at most four characters before NFC puts it together: of more than this too many are left in any case.
_TYPED_LIMIT = 4 * CONTENT_LIMIT
CONTENT_BYTES = 16_000  # UTF-8 bytes of it: four bytes a character is all that UTF-8 can need

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


def clean(content: str, *, empty_is_fine: bool = False) -> str:
    """Return the text of a message composed (``normal.composed``), without control characters. Raise Rejected.

    Indentation, runs of spaces and empty lines stay as they were typed; blanks at the end go. The text may be of any
    length: one that is too long is refused before any expensive processing.
    """
    text = content.rstrip()
    if len(text) > _TYPED_LIMIT:
        raise _too_long(len(text))
    if _SURROGATE.search(text):
        raise Rejected("content_encoding")
    text = _CONTROL.sub("", _LINE_BREAK.sub("\n", text))
    text = composed(text).rstrip()
    if all(unicodedata.category(character) in _UNSEEN or BLANK.match(character) for character in text):
        text = ""
    if not text and not empty_is_fine:
        raise Rejected("empty")
    if len(text) > CONTENT_LIMIT:
        raise _too_long(len(text))
    return text


def _too_long(length: int) -> Rejected:
    return Rejected("too_long", limit=CONTENT_LIMIT, length=length)

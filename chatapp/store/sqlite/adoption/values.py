"""Whatever a column of an old database holds, as text of the right form."""

from __future__ import annotations

import re

# Bytes above 127 that begin letters of Vietnamese, or other signs, in UTF-8.
_UTF8_LETTER = re.compile(rb"[\xc3-\xc6\xcc][\x80-\xbf]|\xe1[\xba\xbb]|[\xe2-\xef][\x80-\xbf]{2}")
_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# As in model.texts: every control character but a line break and a tab; here also halves of characters.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # bytes that no text of any alphabet has

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:e[+-]?[0-9]{1,3})?")
_YES = frozenset({"true", "t", "yes", "y", "on", "x", "có", "đúng"})
_LONGEST_NUMBER = 8  # bytes; BIT(64) is the longest there is


class Text(bytes):
    """Text as it lies in the file, told apart from a BLOB; its bytes may be no UTF-8."""


Value = int | float | bytes | None  # of a column: text is a ``Text``, a BLOB plain bytes


def text(value: Value) -> str:
    """Return a value as text; nothing is the empty text."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return decoded(bytes(value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return str(int(value))  # a column of type REAL or STRING made it one
    return str(value)


def decoded(data: bytes) -> str:
    """Return bytes as text: UTF-8, or else what the Vietnamese code page of Windows makes of them."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    try:  # pairs of surrogates, each half written by itself, as some programs write emoji
        return data.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        pass
    if _UTF8_LETTER.search(data):
        return data.decode("utf-8", "replace")  # cut in the middle of a character, or a stray byte
    try:
        return data.decode("cp1258")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def tidy(words: str) -> str:
    """Return the text of a message as it can be shown: line ends of every kind, no control characters."""
    return _CONTROL.sub("", _LINE_ENDS.sub("\n", words))


def is_binary(data: bytes) -> bool:
    """Tell whether bytes are no text of any kind."""
    return _BINARY.search(data[:4096]) is not None


def is_true(value: Value) -> bool:
    """Tell whether a flag is set, in the spellings that programs have for it; a word that nobody knows sets none."""
    if isinstance(value, (int, float)):
        return value != 0
    words = text(value).strip().strip("\x00\"'").strip().casefold()
    if _NUMBER.fullmatch(words):
        return float(words) != 0
    return words in _YES or (isinstance(value, bytes) and _is_set(value))


def _is_set(data: bytes) -> bool:
    """Tell whether bytes are a number other than zero, as BIT columns of other databases come out."""
    return len(data) <= _LONGEST_NUMBER and any(data) and not any(0x20 <= byte < 0x7F for byte in data)

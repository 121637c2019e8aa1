"""Pictures inside text, however they were wrapped: base64 of many kinds, tags, JSON, the notation of bytes."""

from __future__ import annotations

import ast
import binascii
import html
import json
import re
from base64 import b64decode
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from chatapp.store.sqlite.adoption.values import decoded, is_binary

# How files begin that are pictures: JPEG, PNG, GIF, WebP, BMP, TIFF, ICO, AVIF and HEIC, JPEG 2000.
_SIGNATURE = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|BM....\x00{4}|II\*\x00|MM\x00\*|\x00\x00\x01\x00[\x01-\x20]\x00"
    rb"|....ftyp(?:avi|hei|mif)|\x00\x00\x00\x0cjP  ",
    re.DOTALL,
)
_LEAST = 24  # bytes; no picture is smaller, and a short word of base64 may begin like one
_KINDS = frozenset({"image", "images", "img", "imgs", "photo", "picture", "pic", "gif", "sticker", "anh", "ảnh"})
# With bounds in number: a text of nothing but beginnings must not take endless time.
_DATA_URL = re.compile(r"data:(?:[\w.+-]{1,80}/[\w.+-]{0,80})?(?:;[\w.+=\"-]{0,200}){0,5}?;base64,", re.IGNORECASE)
_IMAGE_URL = re.compile(r"data:image/", re.IGNORECASE)
_TAG = re.compile(r"[^>]{0,500}?\bsrc\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))[^>]{0,500}>", re.IGNORECASE)
_TAG_START = re.compile(r"<img\b", re.IGNORECASE)
_MARKUP = re.compile(r"</?[a-z][^<>]{0,500}>", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-][A-Za-z0-9+/_\s-]*[=\s]*")
_LETTERS = re.compile(r"[A-Za-z0-9+/_=%-]*")  # blanks end it here: words follow
_CAPTIONS = ("caption", "text", "message", "content")
_HEX = re.compile(r"(?:\\x|0x|X')?((?:ffd8ff|89504e47|47494638|52494646|424d)[0-9a-f]+)'?", re.IGNORECASE)
_BYTES = re.compile(r"b(['\"]).*\1", re.DOTALL)
_ADDRESS = re.compile(r"(?:https?:)?//\S+|www\.\S+", re.IGNORECASE)
_PATH = re.compile(r"[^\n]{0,400}\.(?:png|jpe?g|jfif|gif|webp|bmp|svg|avif|heic|tiff?|ico)(?:[?#]\S*)?", re.IGNORECASE)
_LOOKED_AT = 100_000  # characters among which a picture begins
_WRAPPED = range(40, 200)  # characters of a line of base64: 64 and 76 are usual


@dataclass(frozen=True, slots=True)
class Found:
    """A picture in a message: its bytes, or none where they cannot be decoded; and the words beside it."""

    data: bytes
    name: str = ""
    words: str = ""


def is_picture(kind: str) -> bool:
    """Tell whether the type of a message says that it is a picture."""
    word = kind.strip().casefold()
    return word in _KINDS or word.startswith("image/")


def looks_like_picture(data: bytes) -> bool:
    """Tell whether bytes begin as pictures do."""
    return len(data) >= _LEAST and _SIGNATURE.match(data) is not None


def unwrap(stored: str | bytes, *, declared: bool) -> Found | None:
    """Return the picture that a message is; None if it is words.

    ``declared``: its type says picture. Then anything but words, a path or a URL is a damaged picture.
    """
    if isinstance(stored, bytes):
        if looks_like_picture(stored):
            return Found(stored)
        if is_binary(stored):
            return Found(stored if declared else b"")
        stored = decoded(stored)
    text = stored.strip().strip("\x00").strip()
    if not declared and not _may_hold(text):
        return None
    if found := _whole(text) or _within(text):
        return found
    return _damaged(text) if declared or _is_data_url(text) else None


def _may_hold(text: str) -> bool:
    """Tell in no time about most texts that they hold no picture."""
    if len(text) < _LEAST:
        return False
    return " " not in text[:_LEAST] or text[0] in "{[" or "base64," in text[:_LOOKED_AT].lower()


def _whole(text: str) -> Found | None:
    """Return the picture that a text is from its first character to its last."""
    if _BYTES.fullmatch(text):
        data = _literal(text)
        if looks_like_picture(data):
            return Found(data)
        text = decoded(data)
    if text[:1] in ("{", "["):
        return _json(text)
    if text[:1] in ("'", '"') and text[-1:] == text[:1]:
        text = text[1:-1]
    if "%" in text[:_LEAST] and text[:4].lower() == "data":
        text = unquote_to_bytes(text).decode("ascii", "replace")
    if hexadecimal := _HEX.fullmatch(text):
        digits = hexadecimal[1]
        return _if_picture(bytes.fromhex(digits[: len(digits) // 2 * 2]))
    url = _DATA_URL.match(text)
    return _if_picture(_base64(text[url.end() :] if url else text))


def _within(text: str) -> Found | None:
    """Return the picture in the midst of a text, and the words around it."""
    start = _TAG_START.search(text)
    if start and (tag := _TAG.match(text, start.end())):
        source = html.unescape(next(part for part in tag.groups() if part is not None))
        if found := _whole(source.strip()):
            rest = f"{text[: start.start()]}{text[tag.end() :]}"
            return Found(found.data, found.name, _MARKUP.sub("", rest).strip())
    url = _DATA_URL.search(text)
    if url is None:
        return None
    end = _LETTERS.match(text, url.end())
    stop = end.end() if end else url.end()
    found = _if_picture(_base64(text[url.end() : stop]))
    rest = f"{text[: url.start()]}{text[stop:]}"
    return Found(found.data, words=rest.strip(" \n\t\"'()")) if found else None


def _json(text: str) -> Found | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    strings = list(_strings(value))
    for _, inner in strings:
        if inner[:1] not in ("{", "[") and (found := _whole(inner.strip())):
            named = [word for key, word in strings if key in ("name", "filename", "file_name", "fileName")]
            words = [word for key, word in strings if key in _CAPTIONS and word != inner]
            return Found(found.data, next(iter(named), ""), "\n".join(words))
    return None


def _strings(value: object, key: str = "") -> list[tuple[str, str]]:
    """Return every string in a JSON value, with the key that it stands under."""
    if isinstance(value, str):
        return [(key, value)]
    if isinstance(value, dict):
        return [found for inner, each in value.items() for found in _strings(each, str(inner))]
    if isinstance(value, list):
        return [found for each in value for found in _strings(each, key)]
    return []


def _literal(text: str) -> bytes:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text[2:-1].encode("utf-8", "replace")
    return value if isinstance(value, bytes) else b""


def _base64(text: str) -> bytes:
    """Decode base64, tolerating damage in transit. Return nothing if it is not base64."""
    if "%" in text[:_LEAST] or text.endswith(("%3D", "%3d")) or "%2" in text[:10_000]:
        text = unquote_to_bytes(text).decode("ascii", "replace")
    text = text.strip()
    if not _BASE64.fullmatch(text):
        return b""
    lines = text.split(" ")
    if len(lines) > 1 and not (len({*map(len, lines[:-1])}) == 1 and len(lines[0]) in _WRAPPED):
        text = "+".join(lines)  # a form that was not decoded as it was encoded made blanks of plus signs
    letters = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    if len(letters) % 4 == 1:
        letters = letters[:-1]  # cut off in the middle
    try:
        return b64decode(letters + "=" * (-len(letters) % 4))
    except (binascii.Error, ValueError):
        return b""


def _if_picture(data: bytes) -> Found | None:
    return Found(data) if looks_like_picture(data) else None


def _is_data_url(text: str) -> bool:
    """Tell whether a text is the address of a picture and nothing else, be it damaged."""
    url = _DATA_URL.match(text)
    return url is not None and _IMAGE_URL.match(text) is not None and _BASE64.fullmatch(text, url.end()) is not None


def _damaged(text: str) -> Found | None:
    """Return a picture without bytes, unless a text is words after all: a path, an address, somebody's sentence."""
    if _ADDRESS.fullmatch(text) or _PATH.fullmatch(text) or (text[:1] == "<" and not _DATA_URL.search(text)):
        return None
    url = _DATA_URL.search(text)
    if url is None and (len(text) < 2 * _LEAST or not _BASE64.fullmatch(text) or " " in text[:_LEAST]):
        return None
    return Found(_base64(text[url.end() :] if url else text))

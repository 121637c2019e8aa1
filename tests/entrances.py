"""Every place where text of strangers and of people comes in, and how much of it at most.

Routes, kinds of frames, and what the code reads of forms, addresses and headers are compared with these tables by
tests/web/test_attacks_stalling.py: a new entrance that is not listed here fails it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from chatapp.model.texts import CONTENT_LIMIT
from chatapp.web import routes

ROOT = Path(__file__).resolve().parents[1]

TALKS = ("/rooms/{room}", "/direct/{direct}")
WRITING, CHANGING = ("content", "key", "author"), ("key", "rev")
FORMS: dict[str, tuple[str, ...]] = {
    "/register": ("username", "password", "next"),
    "/login": ("username", "password", "next"),
    "/logout": (),
    "/settings": ("language", "theme"),
    "/settings/devices/end": ("device",),
    "/settings/devices/end-others": (),
    "/settings/password": ("username", "current", "new", "again"),
    "/settings/account": ("username", "messages", "current"),
    "/language": ("language", "next"),
    **{f"{talk}/messages": WRITING for talk in TALKS},
    **{f"{talk}/read": ("id",) for talk in TALKS},
    **{f"{talk}/messages/{{id}}/edit": ("content", *CHANGING) for talk in TALKS},
    **{f"{talk}/messages/{{id}}/remove": CHANGING for talk in TALKS},
    **{f"{talk}/messages/{{id}}/restore": CHANGING for talk in TALKS},
}
FILES = {f"{talk}/messages": "pictures" for talk in TALKS}  # the fields of forms that bring files
FRAMES: dict[str, tuple[str, ...]] = {
    "message": ("content", "key", "message"),
    "image": ("content", "key"),
    "edit": ("content", "key", "id", "rev"),
    "remove": ("key", "id", "rev"),
    "restore": ("key", "id", "rev"),
    "join": ("room", "direct", "since", "epoch"),
    "read": ("id",),
    "typing": ("room",),
    "beat": ("id",),
    "private_message": ("to", "message"),
    "switch_room": ("room",),
    "unknown": ("type",),
}
QUERIES: dict[str, tuple[str, ...]] = {  # with a path at which each is read
    "before": ("/rooms/general", "/rooms/general/messages"),
    "after": ("/rooms/general", "/direct/An/messages"),
    "pause": ("/rooms/general",),
    "latest": ("/rooms/general", "/direct/An"),
    "q": ("/people",),
    "logged-out": ("/",),
    "next": ("/login", "/register"),
    "username": ("/login", "/register"),
    "ended": ("/settings/devices",),
    "changed": ("/settings/password",),
    "saved": ("/settings",),
    **dict.fromkeys(("room", "direct", "since", "epoch", "author", "join"), ("/ws",)),
}
HEADERS = (
    "Host", "Origin", "Referer", "User-Agent", "Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Cookie",
    "If-None-Match", "Upgrade", "HX-Request", "HX-Current-URL", "Sec-CH-UA", "Sec-Fetch-Dest", "Sec-Fetch-Site",
    "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Connection", "X-Forwarded-For", "X-Forwarded-Proto",
)  # fmt: skip
COOKIES = ("chatapp", "language", "zone")

# What is read where, as the code writes it.
READ = {
    "field": r'\bfields(?:\.get\(|\[)"(\w+)"|\b_choice\(fields, "(\w+)"',
    "query": r'\bquery\.get\("(\w+)"|"(\w+)" in (?:request\.)?query\b|\b_id\(request, "(\w+)"',
    "header": r'\brequest\.headers(?:\.get(?:all)?\(|\[)"([\w-]+)"|"([\w-]+)" (?:not )?in request\.headers(?!\.)'
    r'|\b_listed\(request, "([\w-]+)"',
    "cookie": r'\bcookies(?:\.get\(|\[)"(\w+)"',
    "frame": r'\bframe(?:\.get\(|\[)"(\w+)"|"(\w+)" in frame\b',
}


def read_of(what: str) -> set[str]:
    """Return the names that the code reads of forms, queries, headers, cookies or frames."""
    sources = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "chatapp" / "web").glob("**/*.py")))
    return {name for groups in re.findall(READ[what], sources) for name in _flat(groups) if name}


def fields_of_pages() -> set[str]:
    """Return the names of the fields in the pages' forms."""
    pages = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "templates").glob("**/*.html")))
    found = re.findall(r"<(?:input|textarea|select|button)\b[^>]*?\bname=[\"'](\w+)[\"']|\bfield\('(\w+)'", pages)
    return {name for groups in found for name in groups if name}


def table() -> Iterator[tuple[str, str]]:
    """Yield the method and the path of every route, without patterns."""
    for route in routes.table(""):
        yield route.method, re.sub(r"\{(\w+):[^{}]*\}", r"{\1}", route.path)


def _flat(groups: str | tuple[str, ...]) -> tuple[str, ...]:
    return (groups,) if isinstance(groups, str) else groups


# Texts that are dear to read: each is made for a number of UTF-8 bytes.
Hostile = Callable[[int], bytes]


def _again(pattern: str) -> Hostile:
    piece = pattern.encode()
    return lambda size: piece * (size // len(piece))


def _sorted_late(size: int) -> bytes:
    half = max(0, size - 1) // 4
    return b"a" + "\u0315".encode() * half + "\u0316".encode() * half


HOSTILE: dict[str, Hostile] = {
    "marks of two classes": _sorted_late,
    "marks by turns": _again("\u0315\u0316"),
    "hidden marks": _again("\u0f73\u0f75"),
    "long once composed": _again("\ufdfa"),
    "long once folded": _again("\u0390\u1fb7ß"),
    "Hangul in pieces": _again("\u1112\u1161\u11ab"),
    "brackets": _again("["),
    "objects in objects": _again('{"a":'),
    "stars": _again("*a_ **b~~ *"),
    "ticks": _again("`a``b"),
    "addresses": _again("http://a.b("),
    "mails": _again("mailto:a@b."),
    "lines that quote": _again("> \n"),
    "lists in quotes": _again("> - 1. "),
    "blanks": _again(" \t"),
    "line breaks": _again("\r\n\u2028\v"),
    "invisible": _again("\u200b\u3164"),
    "digits": _again("9"),
    "percent signs": _again("%"),
    "percent signs of percent signs": _again("%25e1%bb"),
    "signs of headers": _again('a="\\;,'),
    "commas": _again("1,"),
    "slashes": _again("/.."),
    "entities": _again("&<\"'"),
}
SHORT = CONTENT_LIMIT  # characters of a text that is accepted and shown to everybody

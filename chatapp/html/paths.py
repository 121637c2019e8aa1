"""Every address of the chat, without the base path: the only module that puts one together.

``web/routes`` has the patterns of the same addresses, each with its handler. Templates write fixed addresses, and what
stands below one that they are given.
"""

from __future__ import annotations

from urllib.parse import quote

HOME, REGISTER, LOGIN, LOGOUT, GOODBYE = "/", "/register", "/login", "/logout", "/goodbye"
LANGUAGE, SETTINGS, ROOMS, PEOPLE, SOCKET = "/language", "/settings", "/rooms", "/people", "/ws"
DEVICES, PASSWORD, ACCOUNT = f"{SETTINGS}/devices", f"{SETTINGS}/password", f"{SETTINGS}/account"
DIRECT, MESSAGES, PICTURES = "/direct", "/messages", "/images"
STATIC, HEALTH, READINESS, FAVICON = "/static", "/healthz", "/readyz", "/favicon.ico"

# The same pages, with a note of what was just done.
LOGGED_OUT = f"{HOME}?logged-out=1"
SETTINGS_SAVED, DEVICE_ENDED, PASSWORD_CHANGED = f"{SETTINGS}?saved=1", f"{DEVICES}?ended=1", f"{PASSWORD}?changed=1"


def room(room_id: str) -> str:
    """Return the address of a room."""
    return f"{ROOMS}/{_segment(room_id)}"


def direct(username: str) -> str:
    """Return the address of the direct conversation with a person."""
    return f"{DIRECT}/{_segment(username)}"


def message(conversation: str, message_id: int, more: str | None = None) -> str:
    """Return the address of a message below that of its conversation, or of one of its further pages.

    The fragment leads a browser without scripts to the message.
    """
    at = f"{conversation}{MESSAGES}/{message_id}"
    return f"{at}/{more}" if more else f"{at}#m-{message_id}"


def at_message(conversation: str, message_id: int, *, latest: bool = False) -> str:
    """Return the address of a conversation's page, scrolled to a message that is on it."""
    return f"{conversation}{'?latest=1' if latest else ''}#m-{message_id}"


def login(wanted: str | None) -> str:
    """Return the address of the log-in, which leads on to the address ``wanted``."""
    return f"{LOGIN}?next={quote(wanted, safe='/')}" if wanted else LOGIN


def _segment(text: str) -> str:
    """Return a text quoted as one path segment: a slash in it is not a separator."""
    return quote(text, safe="")

"""Saying no: every refusal of the chat with its code, HTTP status, sentence, and whether to retry, in one table.

Forms, pages, sockets and programs all answer from it. To refuse, name a row: ``raise Rejected("too_late")``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


def N_(text: str) -> str:  # noqa: N802 - the name that gettext gives it
    """Mark a sentence for translation; it is translated where it is shown."""
    return text


class Close(IntEnum):
    """Codes that a socket is closed with (RFC 6455, 7.4): which of them a page comes back after."""

    ABUSE = 1008  # the peer is at fault: it may come back after a while
    RESTART = 1012  # the server stops: come back soon
    TRY_AGAIN = 1013  # the server cannot do this now: come back later
    SIGNED_OUT = 4401  # the session ended: go to the log-in. 4000 to 4999 are left to applications (section 7.4.2)
    TOO_MANY = 4408  # one connection too many of this person or address: do not come back


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way to say no. ``name`` is its code, with a suffix where one code has several sentences ("busy.forms")."""

    name: str
    reason: str  # an English sentence, to translate and to fill with values
    status: int  # of the HTTP answer
    retry: bool = False  # the same request can succeed later
    after: float | None = None  # seconds until then
    close: Close | None = None  # a socket is closed for it
    expected: bool = False  # a well-meaning page runs into it when it is late: no sign of abuse

    @property
    def code(self) -> str:
        """Return the name that programs know."""
        return self.name.partition(".")[0]


def _no(name: str, reason: str, **facts: Any) -> Refusal:
    """Return a row for a fault in the request: 422, unless it says otherwise."""
    return Refusal(name, reason, **{"status": 422, **facts})


def _later(name: str, reason: str, after: float | None = None, **facts: Any) -> Refusal:
    """Return a row for what can succeed later: 503, unless it says otherwise."""
    return Refusal(name, reason, **{"status": 503, "retry": True, "after": after, **facts})


_NOT_NOW = N_("The server cannot do this at the moment. Please try again soon.")

_ROWS = (
    # --- messages ---
    _no("content_type", N_("A message must be text.")),
    _no("content_type.picture", N_("A picture must be a data: URL with base64.")),
    _no("content_encoding", N_("This text contains an invalid character. Please type it again.")),
    _no("empty", N_("A message cannot be empty.")),
    _no("too_long", N_("A message can have at most {limit} characters; this one has {length}.")),
    _no("key", N_("The message key must be 16 to 64 letters, digits, hyphens or underscores.")),
    _no("key_conflict", N_("Another message was sent with this key.")),
    _later("gone", N_("Please send these pictures again."), 1),
    _no("left", N_("This person has left the chat and can no longer receive messages."), expected=True),
    _no("other_person", N_("{name} is logged in here now. Log in with the previous account to send this.")),
    _no("not_yours", N_("Only the author of a message can change it.")),
    _no("removed", N_("This message was removed."), expected=True),
    _no("changed", N_("This message has changed in the meantime. Please look at it again."), expected=True),
    _no("too_late", N_("It is too late to undo this."), expected=True),
    # --- limits, and what the server cannot do right now ---
    _later("rate_limited", N_("You are sending too fast. This goes out in a moment."), status=429),
    _later("rate_limited.pictures", N_("You have sent many pictures. Please wait a moment."), 2, status=429),
    _later("rate_limited.tries", N_("Too many attempts. Please wait {wait} and try again."), status=429),
    _no(
        "upload_quota",
        N_("You have reached the limit of {limit} MB of pictures a day. Try again tomorrow."),
        status=429,
    ),
    _no(
        "disk_full",
        N_("The server's disk is almost full, so it accepts no pictures. Please tell the administrator."),
        status=507,
    ),
    _later("storage", N_("The message could not be saved."), 2),
    _later("storage.unable", N_("The server cannot save messages right now; its disk may be full."), 2),
    _later("storage.database", _NOT_NOW, 5),
    _later("restarting", N_("The server is restarting."), 2, close=Close.RESTART),
    _later("busy", N_("The server is busy."), 1),
    _later("busy.forms", N_("The server is busy with other forms. Please try again in a moment."), 5.0),
    _later("busy.pictures", N_("The server is busy with other pictures. Please try again in a moment."), 5.0),
    _later("busy.log_ins", N_("Too many people are logging in right now. Please try again in a moment."), 2.0),
    # --- pictures ---
    _no("too_many_pictures", N_("A message can have at most {limit} pictures.")),
    _no("damaged", N_("This picture is damaged.")),
    _no("picture_too_big", N_("“{name}” is larger than {limit} MB.")),
    _no("picture_empty", N_("This file is empty.")),
    _no("picture_bytes", N_("A picture can have at most {limit} MB.")),
    _no("picture_type", N_("This file is not a JPEG, PNG, WebP or GIF picture.")),
    _no("picture_edge", N_("A picture can be at most {limit} pixels wide or high.")),
    _no("picture_frames", N_("An animation can have at most {limit} frames. Make it shorter.")),
    _no("picture_pixels", N_("A picture can have at most {limit} megapixels. Make it smaller.")),
    _no(
        "picture_pixels.costly",
        N_("A WebP or GIF picture can have at most {limit} megapixels. Make it smaller, or save it as JPEG."),
    ),
    _no(
        "picture_pixels.moving",
        N_("An animation can have at most {limit} megapixels in all of its frames. Make it smaller or shorter."),
    ),
    _no("picture_scans", N_("This JPEG is stored in too many steps. Open it on your device and save it again.")),
    _no("picture_damaged", N_("This picture is damaged or incomplete. Open it on your device and save it again.")),
    _no("picture_damaged.stored", N_("This picture is damaged or incomplete.")),
    _no("picture_memory", N_("This picture is too large to process. Make it smaller, or save it as JPEG.")),
    _no("picture_slow", N_("This picture takes too long to process. Make it smaller, or save it as JPEG.")),
    _no("picture_failed", N_("The server could not process this picture. Please try a smaller one.")),
    # --- accounts ---
    _no("name_empty", N_("Please choose a name.")),
    _no("name_too_long", N_("A name can have at most {limit} characters.")),
    _no("name_invisible", N_("A name cannot contain invisible or control characters.")),
    _no("name_spaces", N_("A name cannot begin or end with a space.")),
    _no("name_spaces.inside", N_("The words of a name must be separated by single ordinary spaces.")),
    _no("name_marks", N_("A name cannot contain stray or stacked accents.")),
    _no("name_slash", N_("A name cannot contain a slash or consist of dots.")),
    _no("name_scripts", N_("A name cannot mix letters of different scripts.")),
    _no("name_alike", N_("This name looks too much like somebody else's. Please choose another one.")),
    _no("name_taken", N_("This name is taken. Please choose another one.")),
    _no("password_short", N_("A password must have at least {limit} characters.")),
    _no("password_long", N_("A password can have at most {limit} characters.")),
    _no("password_long.bytes", N_("This password is too long.")),
    _no("password_common", N_("This password is one of the first that anyone would try.")),
    _no("password_wrong", N_("This is not your password.")),
    _no("password_wrong.too_long", N_("No password here can be that long. Please type it again.")),
    _no("password_wrong.log_in", N_("The name or the password is wrong.")),
    _no(
        "password_well_known",
        N_(
            "This password is one of the first that anyone would try, so it no longer works."
            " Please ask the administrator to set another one, with: python -m chatapp user passwd {name}"
        ),
    ),
    _no("overtaken", N_("Your account was changed at the same time. Please try again.")),
    _no("choice", N_("This is not one of the available settings.")),
    # --- forms and frames ---
    _no(
        "form_unreadable",
        N_("The server could not read this form. Please reload the page and send it again."),
        status=400,
    ),
    _no("not_a_form", N_("This address accepts only forms as browsers send them.")),
    _no("too_many_parts", N_("This form has too many parts.")),
    _no("not_json", N_("The server did not understand this frame.")),
    _no("unknown_type", N_("The server does not know this type of frame.")),
    _no("nowhere", N_("Join a room first.")),
    _no("not_found", N_("There is no such room or person.")),
    _no("not_found.message", N_("There is no such message.")),
    _no("origin", N_("This request did not come from a page of this chat, so it was refused."), status=403),
    # --- HTTP: what a status says by itself; its code is the number ---
    _no("400", N_("The server did not understand this request."), status=400),
    _no("401", N_("Please log in again."), status=401, close=Close.SIGNED_OUT),
    _no("404", N_("There is nothing at this address, or you are not allowed to see it."), status=404),
    _no("405", N_("This address cannot be used this way."), status=405),
    _no("408", N_("This took too long to arrive, so the server stopped waiting. Please try again."), status=408),
    _no("413", N_("This is more than the server accepts at once."), status=413),
    _no("421", N_("This chat is found at {address} only."), status=421),
    _no("422", N_("The server cannot accept this."), status=422),
    _no("429", N_("Too many requests in a short time. Please wait a moment and try again."), status=429),
    _no(
        "500",
        N_(
            "This is the server's fault, not yours. Please try again."
            " If this keeps happening, tell the administrator: {request}."
        ),
        status=500,
    ),
    _no("503", _NOT_NOW, status=503),
)
TABLE = {row.name: row for row in _ROWS}
_STANDARD = {row.status: row.name for row in _ROWS if row.name.isdigit()} | {403: "origin", 507: "503"}

_FAILED, _UNABLE = N_("That did not work"), N_("Not right now")
_TITLES = {
    401: N_("Please log in"),
    403: N_("Not allowed"),
    404: N_("Not found"),
    408: N_("Too slow"),
    413: N_("Too large"),
    421: N_("Wrong address"),
    429: N_("Too fast"),
    500: N_("Something went wrong"),
    503: _UNABLE,
    507: _UNABLE,
}
OF_ONE = N_("“{name}”: {why}")  # a refusal of one of several pictures
_SERVER_ERROR = 500


def title(status: int) -> str:
    """Return the heading of a page that answers with a status."""
    return _TITLES.get(status, _TITLES[_SERVER_ERROR] if status > _SERVER_ERROR else _FAILED)


class Rejected(Exception):  # noqa: N818 - an answer to a person, not a failure of the program
    """Say no to what a person asked, with a row of the table and the ``values`` of its sentence.

    ``retry_after`` (seconds) is given where it is known only now.
    """

    def __init__(self, name: str, /, *, retry_after: float | None = None, **values: Any) -> None:
        row = TABLE[name]
        super().__init__(row.reason)
        self.row = row
        self.code = row.code
        self.status = row.status
        self.retry = row.retry
        self.retry_after = row.after if retry_after is None else retry_after
        self.values = values
        self.subject: str | None = None  # the name of what was refused, where it was one of several

    @classmethod
    def of_status(cls, status: int) -> Rejected:
        """Return the refusal that an HTTP status stands for by itself."""
        refusal = cls(_STANDARD.get(status, "500" if status > _SERVER_ERROR else "400"))
        refusal.code, refusal.status = str(status), status
        return refusal

    @property
    def reason(self) -> str:
        """Return the English sentence, without its values."""
        return self.row.reason

    def about(self, subject: str) -> Rejected:
        """Say which of several things was refused."""
        self.subject = subject
        return self


class NotFound(Exception):  # noqa: N818 - an answer to a person, not a failure of the program
    """Say that a thing is not there, or not there for the person who asks."""

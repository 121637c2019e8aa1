"""A picture ready to be stored, and how it is written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import aiosqlite

from chatapp.system import clock


class Prepared(Protocol):
    """A picture as ``images.Images.prepare`` returns it."""

    @property
    def name(self) -> str: ...
    @property
    def mime(self) -> str: ...
    @property
    def data(self) -> bytes: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def thumb_mime(self) -> str: ...
    @property
    def thumb(self) -> bytes: ...
    @property
    def thumb_width(self) -> int: ...
    @property
    def thumb_height(self) -> int: ...
    @property
    def digest(self) -> str: ...


Prepare = Callable[[bytes, str], Awaitable[Prepared]]


async def insert_picture(  # noqa: PLR0913 - one row, its parts side by side
    db: aiosqlite.Connection,
    picture_id: str,
    picture: Prepared,
    owner_id: int,
    conversation: str,
    *,
    message_id: int | None = None,
    position: int = 0,
) -> None:
    """Add one picture with its two sizes inside the caller's transaction."""
    await db.execute(
        "INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            picture_id,
            owner_id,
            conversation,
            message_id,
            position,
            picture.name,
            picture.mime,
            picture.width,
            picture.height,
            picture.thumb_mime,
            picture.thumb_width,
            picture.thumb_height,
            picture.digest,
            clock.unix_time(),
        ),
    )
    await db.execute("INSERT INTO picture_bytes VALUES (?, 'full', ?)", (picture_id, picture.data))
    await db.execute("INSERT INTO picture_bytes VALUES (?, 'thumbnail', ?)", (picture_id, picture.thumb))

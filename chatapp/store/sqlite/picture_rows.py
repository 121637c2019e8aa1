"""Writing a picture and its two sizes."""

from __future__ import annotations

import aiosqlite

from chatapp.model.pictures import Prepared
from chatapp.system import clock


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

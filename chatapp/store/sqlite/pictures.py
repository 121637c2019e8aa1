"""Pictures: stored before the message that shows them, served from the same file."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from chatapp.model.conversations import Conversation
from chatapp.model.pictures import Picture, Prepared, StoredPicture
from chatapp.store import contract
from chatapp.store.sqlite.database import Database
from chatapp.store.sqlite.picture_rows import insert_picture
from chatapp.system import clock

_ORPHAN_SECONDS = 3600  # a message claims its pictures within seconds; a retry may take minutes


class Pictures(contract.Pictures):
    """Pictures in SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, owner_id: int, conversation: Conversation, picture: Prepared) -> Picture:
        picture_id = secrets.token_urlsafe(16)  # 128 bits: an id cannot be guessed
        async with self._database.transaction() as db:
            await insert_picture(db, picture_id, picture, owner_id, conversation.key)
        return Picture(
            picture_id,
            picture.name,
            picture.width,
            picture.height,
            picture.thumb_width,
            picture.thumb_height,
            picture.digest,
        )

    async def discard(self, ids: Iterable[str]) -> None:
        async with self._database.transaction() as db:
            await db.executemany("DELETE FROM pictures WHERE id = ? AND message_id IS NULL", [(one,) for one in ids])

    async def read(self, picture_id: str, *, thumbnail: bool) -> StoredPicture | None:
        size = "thumbnail" if thumbnail else "full"
        row = await self._database.row(
            "SELECT conversation, name, CASE ? WHEN 'full' THEN mime ELSE thumb_mime END, bytes FROM pictures"
            " JOIN picture_bytes ON picture_id = id WHERE id = ? AND size = ?",
            (size, picture_id, size),
        )
        return StoredPicture(Conversation.from_key(row[0]), row[1], row[2], row[3]) if row else None

    async def sweep(self) -> None:
        async with self._database.transaction() as db:
            await db.execute(
                "DELETE FROM pictures WHERE message_id IS NULL AND created_at < ?",
                (clock.unix_time() - _ORPHAN_SECONDS,),
            )

"""The database's facts about itself: epoch, cookie keys, watermark, ceiling."""

from __future__ import annotations

from chatapp.model.facts import Facts
from chatapp.store import contract
from chatapp.store.sqlite.database import Database


class Meta(contract.Meta):
    """Facts in SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def facts(self) -> Facts:
        values = {row[0]: row[1] for row in await self._database.rows("SELECT name, value FROM meta")}
        cookie_keys = tuple(key.encode() for key in values["cookie_key"].split())
        return Facts(values["epoch"], cookie_keys, values["watermark"], values["ceiling"])

    async def reserve(self, ceiling: int) -> None:
        async with self._database.transaction() as db:
            await db.execute("UPDATE meta SET value = max(value, ?) WHERE name = 'ceiling'", (ceiling,))

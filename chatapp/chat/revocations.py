"""Ends of sessions and accounts: each is committed first, then its sockets are closed in the same step."""

from __future__ import annotations

import logging

from chatapp.chat.access import Access
from chatapp.chat.account_deletion import AccountDeletion
from chatapp.chat.presence import Presence
from chatapp.delivery.hub import Hub
from chatapp.delivery.journal import Journal
from chatapp.model.refusals import Close
from chatapp.store import Store

log = logging.getLogger("chatapp.accounts")


class Revocations:
    """End sessions and their sockets. ``count`` tells callers authenticated earlier whether to check again."""

    def __init__(  # noqa: PLR0913 - all that must know of an end
        self,
        store: Store,
        journal: Journal,
        hub: Hub,
        access: Access,
        presence: Presence,
        deletion: AccountDeletion,
    ) -> None:
        self._store = store
        self._journal = journal
        self._hub = hub
        self._access = access
        self._presence = presence
        self._deletion = deletion

    @property
    def count(self) -> int:
        """Return how many times sessions were ended: while it stays the same, a session that was found is live."""
        return self._hub.revocations

    async def session(self, session_id: str) -> None:
        """End a session."""
        await self._store.accounts.close_session(session_id)
        self._hub.close_session(session_id)

    async def user(self, user_id: int, *, besides: str) -> None:
        """End all sessions of a person but one."""
        await self._store.accounts.close_other_sessions(user_id, besides)
        self._hub.close_user(user_id, besides=besides)

    async def renewed(self, user_id: int, session: tuple[str, str], password: str, *, before: str) -> bool:
        """Replace a stored password, end all sessions but one, and renew that one's id: ``session`` is old and new.

        Return False, and change nothing, if the stored password is no longer the one that was verified.
        """
        accounts = self._store.accounts
        if not await accounts.change_password(user_id, password, before=before, session=session):
            return False
        self._hub.renew_session(*session)
        self._hub.close_user(user_id, besides=session[1])
        return True

    async def account(self, user_id: int, password: str, *, removing: bool) -> bool:
        """Lock an account for good and end all of its sessions; its messages are seen to after that.

        ``removing`` removes them. Return False, and change nothing, if the stored password is no longer ``password``.
        """
        stamp = self._journal.issue_number()
        if not await self._store.deletions.begin(user_id, password=password, stamp=stamp, removing=removing):
            return False
        self._access.departed(user_id)
        self._hub.close_user(user_id)
        self._presence.departed(user_id)
        self._deletion.begin()
        return True

    async def elsewhere(self) -> None:
        """Close the sockets of sessions that another program has ended in the database. Raise Busy or Unwritable."""
        self._hub.revocations += 1  # first: a socket authenticated before, but joining after the query, checks again
        listening = {listener.session_id for listener in self._hub.everybody()}
        ended = listening - await self._store.accounts.still_open(listening)
        for listener in self._hub.everybody():
            if listener.session_id in ended:
                self._hub.close(listener, Close.SIGNED_OUT)
        if ended:
            log.info("log-ins were ended from outside the server", extra={"sessions": len(ended)})

"""Broadcast: shows accepted messages to their conversation, and tells authors what becomes of theirs."""

from __future__ import annotations

from collections.abc import Sequence

from chatapp.delivery.entries import Entry, Subscriber
from chatapp.delivery.hub import Hub
from chatapp.delivery.journal import Journal
from chatapp.model.events import Covered, Failed, Posted, Restored, Revised, Saved, Sent, StorageHealth, Withdrawn
from chatapp.model.messages import Identity, Message
from chatapp.system.throttle import Throttle

_COVERED_PAUSE = 0.25  # seconds between watermarks for everybody but the author


class Broadcast(Subscriber):
    """The subscriber of the journal that publishes to the hub."""

    def __init__(self, hub: Hub, journal: Journal) -> None:
        self._hub = hub
        self._journal = journal
        self._cover = Throttle(_COVERED_PAUSE, self._publish_watermark)

    def accepted(self, entry: Entry) -> None:
        """Show a message, or a change of one."""
        message = entry.message
        sent = Sent(message.key, message.id, message.rev if message.is_change else None)
        self._hub.tell(self._hub.of_user(message.author_id), sent)
        self._hub.publish(message.conversation.key, Revised(message) if message.is_change else Posted(message))

    def saved(self, entries: Sequence[Entry]) -> None:
        """Tell authors which of their messages are saved, and conversations up to where everything is."""
        keys: dict[int, list[str]] = {}
        for entry in entries:
            keys.setdefault(entry.message.author_id, []).append(entry.message.key)
        for author_id, mine in keys.items():
            # After the frames of this tick, in which the message itself may be: it is shown before it is called saved.
            # The watermark goes out with the conversation's frames: a page that has it must have all that it covers.
            self._hub.tell(self._hub.of_user(author_id), Saved(mine), after=True)
        for conversation in {entry.message.conversation.key for entry in entries}:
            self._cover(conversation)

    def _publish_watermark(self, conversation: str | None) -> None:
        self._hub.publish(conversation, Covered(conversation, self._journal.issue_watermark(conversation)))

    def lost(self, entries: Sequence[Entry]) -> None:
        """Withdraw what was shown and could not be saved."""
        standing: dict[Identity, Message | None] = {entry.message.identity: entry.before for entry in entries}
        gone: dict[str, list[int]] = {}
        for (conversation, message_id), message in standing.items():
            if message is None:
                gone.setdefault(conversation.key, []).append(message_id)
            else:
                self._hub.publish(conversation.key, Restored(message))
        for entry in entries:
            self._hub.tell(self._hub.of_user(entry.message.author_id), Failed(entry.message))
        for key, message_ids in gone.items():
            self._hub.publish(key, Withdrawn(key, message_ids))

    def health(self, healthy: bool) -> None:
        """Tell everybody whether messages can be saved."""
        self._hub.publish_everywhere(StorageHealth(healthy))
        if healthy:  # what stands again is saved, too
            for conversation in self._hub.conversations():
                self._publish_watermark(conversation)

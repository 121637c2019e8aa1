"""Who is here: everybody's list is right, also on a connection that takes its time."""

from __future__ import annotations

import asyncio

from chatapp.delivery.audience import Listener
from wire import Wire


async def test_a_half_full_connection_learns_that_somebody_left(chat) -> None:
    presence = chat.presence
    slow, other = (Listener(Wire(), user) for user in (1, 2))
    for listener in (slow, other):
        chat.hub.join(listener, "general")
        chat.hub.go_live(listener)
    presence._publish()
    slow.transport.buffered = 200_000  # for a moment
    chat.hub.leave(other)
    presence._publish()
    await asyncio.sleep(0)
    assert any('data-left="2"' in text for text in slow.transport.texts)

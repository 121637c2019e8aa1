"""A bad network: packets that vanish, arrive late or in one direction only, and connections that half end."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from fault import page
from fault.address import Address
from fault.figures import amount
from fault.outbox import Entry
from fault.people import People
from fault.relay import Relay
from fault.server import Server

VANISHED = amount("VANISHED", 50)  # people whose packets are dropped
BEAT = amount("VANISHED_BEAT_MS", 4000) / 1000
GONE = 35 / 20 * BEAT  # at most: the promise is 35 seconds at a beat of 20
SILENCE = 45 / 20 * BEAT  # until a page that hears nothing connects anew
ROUNDS = amount("NETWORK_ROUNDS", 25)
WITNESSES, SAID = 5, 4

Reach = Callable[[Server], Awaitable[Relay]]


@pytest.fixture
async def reach() -> AsyncIterator[Reach]:
    """Put a network in front of a server."""
    relays: list[Relay] = []

    async def reach(server: Server) -> Relay:
        relays.append(await Relay(server.port).__aenter__())
        return relays[-1]

    yield reach
    for relay in relays:
        await relay.__aexit__()


@pytest.fixture
def sent(monkeypatch) -> Counter[str]:
    """Count how often each message left a page."""
    sent: Counter[str] = Counter()
    take = page.Outbox.take

    def counted(outbox: page.Outbox) -> Entry | None:
        entry = take(outbox)
        if entry:
            sent[entry.key] += 1
        return entry

    monkeypatch.setattr(page.Outbox, "take", counted)
    return sent


def together(server: Server, *groups: People) -> People:
    """Return everybody as one group, to be judged together."""
    everybody = People(server)
    everybody.pages = [page for group in groups for page in group.pages]
    return everybody


@pytest.mark.timeout(120 + int(6 * BEAT))
async def test_people_whose_packets_vanish_are_gone_soon_and_lack_nothing_when_they_are_back(
    start, gather, reach, sent, figures, monkeypatch
):
    monkeypatch.setattr(page, "_BEAT", 17.5 / 20 * BEAT)
    server = await start(environment={"CHATAPP_BEAT_SECONDS": str(BEAT)})
    witnesses = await gather(server, WITNESSES)
    before = server.sockets
    relay = await reach(server)
    people = await gather(Address(server, relay.url), VANISHED)
    assert server.sockets >= before + VANISHED

    relay.stall()
    await people.say(1)
    own = [key for page in people.pages for key in page.outbox.keys]
    await witnesses.say(SAID)
    gone = await witnesses.wait(lambda: server.sockets <= before, patience=GONE)
    await witnesses.wait(lambda: all(page.quiet for page in witnesses.pages))
    assert not people.total("saved"), "nothing passes"
    relay.resume()
    back = await people.wait(lambda: people.total("down") >= VANISHED == people.live)

    verdict = await together(server, witnesses, people).verdict()
    figures(vanished=VANISHED, beat_s=BEAT, gone_after_s=gone, back_after_s=back)
    figures(messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert verdict.messages == WITNESSES * SAID + VANISHED
    assert {sent[key] for key in own} == {2}, "once into the void, once for good"
    assert people.total("saved") == VANISHED
    assert not any(page.codes for page in witnesses.pages)


@pytest.mark.timeout(120 + int(6 * BEAT))
async def test_people_who_are_heard_but_hear_nothing_notice_it_themselves_and_lack_nothing(
    start, gather, reach, figures, monkeypatch
):
    monkeypatch.setattr(page, "_BEAT", 17.5 / 20 * BEAT)
    monkeypatch.setattr(page, "_SILENCE", SILENCE)
    server = await start(environment={"CHATAPP_BEAT_SECONDS": str(BEAT)})
    witnesses, relay = await gather(server, WITNESSES), await reach(server)
    people = await gather(Address(server, relay.url))
    relay.down.stall()
    await people.say(SAID)
    await witnesses.say(SAID)
    noticed = await people.wait(lambda: people.live == 0, patience=SILENCE + 2)
    relay.down.resume()
    back = await people.wait(lambda: people.live == len(people.pages))
    verdict = await together(server, witnesses, people).verdict()
    figures(noticed_after_s=noticed, back_after_s=back, messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert verdict.messages == SAID * (WITNESSES + len(people.pages))


@pytest.mark.timeout(120 + 2 * ROUNDS)
async def test_nothing_is_lost_on_a_network_that_delays_stalls_resets_and_half_closes(start, gather, reach, figures):
    server = await start()
    sockets = server.sockets
    relay = await reach(server)
    people = await gather(Address(server, relay.url))
    ways = [relay.up, relay.down]
    done: Counter[str] = Counter()
    async with people.chatting(rate=5):
        for number in range(ROUNDS):
            way, what = ways[number % 2], ("delay", "stall", "cut", "half_close")[number // 2 % 4]
            done[what] += 1
            if what == "delay":
                way.delay = random.uniform(0.01, 0.15)
            else:
                getattr(way, what)()
            await asyncio.sleep(random.uniform(0.1, 0.6))
            way.delay = 0
            way.resume()
            await people.wait(lambda: people.live > 2)
    verdict = await people.verdict()
    lost_connections = people.total("down")
    await people.leave()
    while server.sockets > sockets:  # the test ends in time, or has found something
        await asyncio.sleep(0.02)
    figures(**done, connections_lost=lost_connections, messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert lost_connections >= len(people.pages) * (done["cut"] + done["half_close"]) // 2

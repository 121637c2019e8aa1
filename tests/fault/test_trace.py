"""What a power cut would take, read from the order in which the server talks to the disk and to the network."""

from __future__ import annotations

from fault import strace
from fault.figures import amount
from fault.mutant import SYNC_NORMAL

SENDS = amount("TRACED_SENDS", 50)


async def acknowledged(server, people, trace) -> tuple[int, int]:
    [page] = people.pages
    async with strace.attached(server.pid, *strace.written(trace)):
        for _ in range(SENDS):
            await people.say()
            await people.wait(lambda: page.quiet)
    return strace.acknowledgements(trace)


@strace.needed
async def test_no_acknowledgement_leaves_before_its_message_is_synced(start, gather, figures, tmp_path):
    server = await start()
    left, early = await acknowledged(server, await gather(server, 1), tmp_path / "trace")
    figures(sends=SENDS, acknowledgements=left, early=early)
    assert left >= SENDS
    assert early == 0


@strace.needed
async def test_the_trace_shows_a_database_that_does_not_sync(start, gather, figures, tmp_path):
    server = await start(command=SYNC_NORMAL)
    left, early = await acknowledged(server, await gather(server, 1), tmp_path / "trace")
    figures(sends=SENDS, acknowledgements=left, early=early)
    assert left >= SENDS
    assert early >= 0.8 * SENDS

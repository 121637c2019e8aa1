"""A second server on a database that has one."""

from __future__ import annotations

import time

from fault.server import Server


async def test_a_second_server_ends_at_once_and_the_first_goes_on(start, gather, figures, tmp_path):
    server = await start()
    people = await gather(server, 5)
    (tmp_path / "second").mkdir()
    second = Server(tmp_path / "second", database=server.database)
    async with people.chatting(rate=5):
        began = time.monotonic()
        second.spawn()
        status, seconds = await second.ended(), time.monotonic() - began
        await people.wait(lambda: people.total("invoke") > 30)
    verdict = await people.verdict()
    figures(second_ended_after_s=seconds, status=status, messages=verdict.messages, verdict=verdict.counts)
    assert status == 1
    assert seconds < 15
    assert "Another chatapp is already using" in second.log
    assert not second.trouble
    assert verdict.clean, str(verdict)

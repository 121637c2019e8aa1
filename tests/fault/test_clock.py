"""The clock of the machine is set back and forth while people write."""

from __future__ import annotations

from pathlib import Path

import pytest

LIBRARIES = [*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]
HOUR, DAY = 3600, 86_400

needed = pytest.mark.skipif(not LIBRARIES, reason="LIBFAKETIME IS NOT INSTALLED: apt-get install faketime")


class Clock:
    """The time that a server believes."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "offset"
        self.environment = {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # else threads wait for each other's turn for ever so long
        }
        self.set(0)

    def set(self, seconds: int) -> None:
        """Set it to the true time and some seconds more or less."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}")
        new.replace(self._file)


async def go_on(people, count: int = 60) -> None:
    """Wait until more messages were acknowledged."""
    before = people.total("saved")
    await people.wait(lambda: people.total("saved") >= before + count)


@needed
async def test_steps_of_the_clock_change_no_order_and_log_nobody_out(start, gather, figures, tmp_path):
    clock = Clock(tmp_path)
    server = await start(environment=clock.environment)
    people = await gather(server)
    async with people.chatting(rate=8):
        for offset in (0, -HOUR, HOUR, -DAY, DAY, 0):
            clock.set(offset)
            await go_on(people)
            assert await people.pages[0].history(), "whoever was logged in still is"
        for offset in (DAY, -DAY):  # a restart in between must not hand out numbers again
            clock.set(offset)
            await go_on(people)
            await server.kill()
            await server.start()
        await go_on(people)
    verdict = await people.verdict()
    figures(steps=8, messages=verdict.messages, verdict=verdict.counts)
    assert verdict.clean, str(verdict)

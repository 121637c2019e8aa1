"""Work that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


class Background:
    """Run coroutines as tasks, and keep each until it is done: the loop itself would let it be collected before."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Begin to run a coroutine."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

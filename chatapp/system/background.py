"""Fire-and-forget tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


class Background:
    """Run coroutines as tasks and hold a reference to each, so that none is garbage-collected while it runs."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Start a coroutine as a task."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

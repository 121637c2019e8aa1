"""The program's commands, given as an operator gives them."""

from __future__ import annotations

import asyncio
import os
import sys

from fault.server import ROOT


async def run(*argv: object) -> tuple[int, str]:
    """Run a command of the program. Return its exit status and what it said."""
    process = await command(*argv)
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def command(*argv: object) -> asyncio.subprocess.Process:
    """Begin a command."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chatapp", *map(str, argv)),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )

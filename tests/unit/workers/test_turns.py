"""Turns at something scarce are fair, bounded, and never lost."""

from __future__ import annotations

import asyncio

import pytest

from chatapp.workers.turns import Full, Turns


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


class Desk:
    """Who was served, in order; each is served until the test lets them go."""

    def __init__(self, hands: int, each: int = 9, most: int = 99) -> None:
        self.turns = Turns(list(range(hands)), each, most)
        self.served: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.doors: list[asyncio.Event] = []

    def come(self, person: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._visit(person))
        self.tasks.append(task)
        return task

    async def _visit(self, person: str) -> None:
        async with self.turns.take(person):
            self.served.append(person)
            self.doors.append(door := asyncio.Event())
            await door.wait()

    async def all(self) -> list[str]:
        """Let one after the other go until nobody is left."""
        await settle()
        for number in range(len(self.tasks)):
            if number < len(self.doors):
                self.doors[number].set()
            await settle()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        return self.served


async def test_persons_take_turns_however_many_one_of_them_wants() -> None:
    desk = Desk(1)
    for person in ("an", "an", "an", "an", "binh", "binh", "chi"):
        desk.come(person)
    assert await desk.all() == ["an", "binh", "chi", "an", "binh", "an", "an"]


async def test_nobody_has_two_hands_at_a_time() -> None:
    desk = Desk(2)
    for _ in range(3):
        desk.come("an")
    await settle()
    assert desk.served == ["an"]
    desk.come("binh")
    await settle()
    assert desk.served == ["an", "binh"]
    assert await desk.all() == ["an", "binh", "an", "an"]


async def test_a_line_is_bounded_for_one_person_and_for_all() -> None:
    desk = Desk(1, each=2, most=3)
    for person in ("an", "an", "an", "binh", "chi"):
        desk.come(person)
    await settle()
    full = [task.done() and isinstance(task.exception(), Full) for task in desk.tasks]
    assert full == [False, False, True, False, True]
    assert await desk.all() == ["an", "binh", "an"]


async def test_who_goes_away_loses_their_turn_and_nobody_elses() -> None:
    desk = Desk(1)
    holding, waiting, last = desk.come("an"), desk.come("binh"), desk.come("chi")
    await settle()
    waiting.cancel()
    await settle()
    holding.cancel()
    await settle()
    assert desk.served == ["an", "chi"]
    desk.doors[-1].set()
    await last
    assert await Desk(1).all() == []
    assert not desk.turns._count
    assert desk.turns._free == [0]


async def test_a_turn_that_comes_as_its_owner_goes_is_passed_on() -> None:
    turns = Turns(["hand"], 9, 9)

    async def want() -> None:
        async with turns.take("an"):
            await asyncio.sleep(0)

    async with turns.take("binh"):
        task = asyncio.create_task(want())
        await settle()
    task.cancel()  # it has been given the hand and does not know yet
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), turns.take("chi") as hand:
        assert hand == "hand"

"""Messages are edited, removed and brought back while the same things go wrong as for new ones."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from contextlib import closing

import pytest

from fault import strace
from fault.authors import Plain, change_mind, open_to_change
from fault.disk import locked
from fault.figures import amount
from fault.judge import judge
from fault.log import GONE
from fault.mutant import CHANGES_DROPPED, CHANGES_KEPT, CHANGES_UNSAVED
from fault.page import Page
from fault.people import table

KILLS = amount("CHANGED_CYCLES", 8)
CUTS = amount("CHANGED_CUTS", 100)
LOCKED = amount("CHANGED_LOCKED_SECONDS", 3)
HELD = amount("CHANGED_HELD_SECONDS", 1)
FULL = amount("CHANGED_FULL_SECONDS", 2)
FAILING = amount("CHANGED_FAILING_SECONDS", 2)
STOPS = amount("CHANGED_STOPS", 3)


@pytest.fixture
def crowd(gather):
    """Open the pages of people who change their minds."""

    async def crowd(server, count: int = 10):
        people = await gather(server, count)
        people.act = change_mind
        return people

    return crowd


async def judged(people, figures, *others, **more):
    """Wait for calm; the judge must find nothing."""
    verdict = await people.verdict(others=others)
    figures(messages=verdict.messages, changes=verdict.changes, refused=verdict.refused, **more)
    figures(taken_back=people.total("undone"), longest_unsaved_s=verdict.longest, verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert verdict.changes > verdict.messages / 20, "hardly anybody changed a mind"
    return verdict


async def saves_again(people) -> float:
    """Wait until something is saved that was not before. Return the seconds it took."""
    before = people.total("saved")
    return await people.wait(lambda: people.total("saved") > before, patience=20)


@pytest.mark.timeout(60 + 5 * KILLS)
async def test_no_change_is_lost_when_the_server_is_killed_again_and_again(start, crowd, figures):
    server = await start()
    people = await crowd(server)
    plain, direct = Plain(server, "/rooms/general"), Plain(server, f"/direct/{people.pages[0].name}")
    async with plain, direct, people.chatting(rate=5):
        for cycle in range(KILLS):
            await people.wait(lambda: people.live > 2)
            await asyncio.sleep(random.uniform(0.1, 1.0))
            await server.kill()
            await server.start()
            figures.progress(cycle + 1, KILLS, "kill")
    await judged(people, figures, plain.log, kills=KILLS, forms=plain.log.counts["saved"])
    rows = table(server.database, direct.conversation)
    verdict = judge([direct.log], rows, rows)
    figures(direct=verdict.messages, direct_changes=verdict.changes, direct_verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert verdict.changes


@pytest.mark.timeout(60 + CUTS)
async def test_no_change_is_lost_when_connections_are_reset(start, crowd, figures):
    server = await start()
    people = await crowd(server)
    done = 0
    async with people.chatting(rate=8):
        while done < CUTS:
            for page in random.sample(people.pages, len(people.pages) // 2):
                if page.screen.phase in {"catching", "live"}:
                    page.cut()
                    done += 1
            await asyncio.sleep(random.uniform(0.05, 0.3))
    await judged(people, figures, resets=CUTS)


@pytest.mark.timeout(120 + LOCKED)
async def test_no_change_is_taken_back_while_another_program_holds_the_lock(start, crowd, figures):
    server = await start()
    people = await crowd(server)
    async with people.chatting(rate=5):
        await people.wait(lambda: people.total("saved") > 50)
        with locked(server.database):
            await asyncio.sleep(LOCKED)
        again = await saves_again(people)
    await judged(people, figures, locked_s=LOCKED, saved_again_after_s=again)
    assert not people.total("removed")
    assert again < 2


@pytest.mark.timeout(120 + 2 * HELD)
async def test_changes_that_wait_too_long_for_a_lock_are_taken_back_and_made_again(start, crowd, figures):
    server = await start(environment={"CHATAPP_HOLD_SECONDS": str(HELD)})
    people = await crowd(server)
    async with people.chatting(rate=8):
        await people.wait(lambda: people.total("saved") > 50)
        with locked(server.database):
            await asyncio.sleep(1.5 * HELD)
        await saves_again(people)
    await judged(people, figures, locked_s=1.5 * HELD)
    assert people.total("undone")


@pytest.mark.timeout(120 + FULL)
async def test_a_full_disk_takes_no_change_with_it(disk, start, crowd, figures):
    server = await start(database=disk.folder / "chat.db")
    people = await crowd(server)
    async with people.chatting(rate=8, size=500):
        await people.wait(lambda: people.total("saved") > 100)
        disk.fill()
        await asyncio.sleep(FULL)
        disk.free()
        again = await saves_again(people)
    await judged(people, figures, full_s=FULL, saved_again_after_s=again)
    assert again < 5


@strace.needed
async def test_a_disk_that_fails_takes_no_change_with_it(start, crowd, figures):
    server = await start()
    people = await crowd(server)
    async with people.chatting(rate=8):
        await people.wait(lambda: people.total("saved") > 100)
        async with strace.attached(server.pid, *strace.failing(strace.SYNC, "EIO", after=300)):  # many have to wait
            await asyncio.sleep(FAILING)
        again = await saves_again(people)
    await judged(people, figures, failing_s=FAILING, saved_again_after_s=again)
    assert people.total("undone")
    assert again < 5


@strace.needed
async def test_an_edit_that_cannot_be_saved_puts_what_stood_before_back_on_every_page(start, gather, figures):
    server = await start()
    people = await gather(server, 4)
    author, reader, late, returned = people.pages
    await people.say()
    await people.calm()
    [number] = open_to_change(author)
    before, rev = content_of(author, number), author.screen.rev(number)
    late.network.clear()
    late.cut()
    async with strace.attached(server.pid, *strace.failing("pwrite64", "EIO")):
        author.write("a second thought", "edit", number)
        put_back = [author, reader, returned]

        def seen(page) -> list[str]:
            return [e.content for e in page.log.events if e.kind == "shown" and e.id == number and e.number > rev]

        await people.wait(lambda: all(seen(page) == ["a second thought", before] for page in put_back))
        returned.cut()
        late.network.set()
        await people.wait(lambda: returned.log.counts["down"] and returned.live and late.live)
        assert all(content_of(page, number) == before for page in people.pages)
        assert {page.screen.rev(number) for page in people.pages} == {author.screen.rev(number)}
        assert all(page.log.counts["fetched"] == 1 for page in people.pages), "the catch-up told them"
    await people.wait(lambda: all(content_of(page, number) == "a second thought" for page in people.pages))
    verdict = await people.verdict()
    figures(verdict=verdict.counts, changes=verdict.changes)
    assert verdict.clean, str(verdict)
    assert verdict.changes == 1


async def test_edits_of_two_tabs_that_wait_too_long_for_a_lock_put_back_what_stood_before_both(start, gather):
    server = await start(environment={"CHATAPP_HOLD_SECONDS": "1"})
    people = await gather(server, 2)
    author, reader = people.pages
    tab = Page(server, author.name)
    people.pages.append(tab)
    await tab.open()
    await people.say()
    await people.calm()
    number = open_to_change(author)[0]
    content = content_of(author, number)
    with locked(server.database):
        for page in (author, tab):
            rev = page.screen.rev(number)
            page.write(f"of {page.author}, {rev}", "edit", number)
            await people.wait(lambda rev=rev: all(page.screen.rev(number) > rev for page in people.pages))
        await people.wait(lambda: author.log.counts["undone"] == tab.log.counts["undone"] == 2)  # both hear of both
        await people.wait(lambda: len({page.screen.rev(number) for page in people.pages}) == 1)
        assert content_of(reader, number) == content
    await people.calm()
    for page in people.pages:
        assert [(row.id, row.number, row.content) for row in page.screen.rows] == [
            (row.id, row.number, row.content) for row in table(server.database, "general")
        ]


@pytest.mark.timeout(60 + 10 * STOPS)
async def test_the_server_saves_the_changes_that_it_has_accepted_before_it_ends(start, crowd, figures):
    server = await start()
    people = await crowd(server)
    ends = []
    async with people.chatting(rate=8):
        for _ in range(STOPS):
            await people.wait(lambda: people.live == len(people.pages))
            await asyncio.sleep(random.uniform(0.3, 0.8))
            status, seconds = await server.stop()
            ends.append(seconds)
            assert status == 0
            await server.start()
    await judged(people, figures, stops=STOPS, slowest_end_s=max(ends))
    assert not people.total("removed")


async def test_an_edited_message_tells_what_it_said_before_and_a_removed_one_is_erased(start, gather):
    server = await start()
    people = await gather(server, 1)
    [page] = people.pages
    first, secret, slip = "what-was-said-first", "a-secret-slip", "a-secret-slap"
    for content in (first, secret):
        page.write(f"{content} {time.monotonic()}")
        await people.calm()
    edited, removed = open_to_change(page)
    page.write("what is said now", "edit", edited)
    page.write(slip, "edit", removed)
    await people.calm()
    assert first in await page.text(f"/rooms/general/messages/{edited}/versions")
    assert secret in await page.text(f"/rooms/general/messages/{removed}/versions")
    page.write("", "remove", removed)
    await people.calm()
    assert page.screen.rows[-1].content == GONE
    await server.stop()
    assert secret in contents(server.database), "it can be undone for a while, also when the server restarts"
    with closing(sqlite3.connect(server.database)) as db, db:
        db.execute("UPDATE removals SET removed_at = removed_at - 61")
    await server.start()
    await people.wait(lambda: secret not in contents(server.database))
    versions = await page.text(f"/rooms/general/messages/{removed}/versions")
    assert secret not in versions
    assert slip not in versions
    assert first in await page.text(f"/rooms/general/messages/{edited}/versions")
    await people.calm()
    await server.stop()
    for file in server.database.parent.glob("chat.db*"):
        assert secret.encode() not in file.read_bytes()
        assert slip.encode() not in file.read_bytes()


def content_of(page, number: int) -> str:
    [content] = [row.content for row in page.screen.rows if row.id == number]
    return content


def contents(database) -> str:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        texts = db.execute("SELECT message FROM messages UNION ALL SELECT content FROM message_versions")
        return "\n".join(text for [text] in texts)


# --- the judge goes red where it must ---------------------------------------------------------------------------------


async def test_a_catch_up_without_changes_leaves_gaps(start, crowd, figures):
    server = await start(command=CHANGES_DROPPED)
    people = await crowd(server)
    away = people.pages[0]
    async with people.chatting(rate=8):
        await people.wait(lambda: people.total("saved") > 100)
    await people.calm()  # a page that has seen what is not called saved yet would take its list anew
    away.network.clear()
    away.cut()
    async with people.chatting(rate=8):
        before = people.total("saved")
        await people.wait(lambda: people.total("saved") > before + 100)
        away.network.set()
    verdict = await people.verdict(patience=10)
    figures(messages=verdict.messages, changes=verdict.changes, verdict=verdict.counts)
    assert verdict.gap, str(verdict)


async def test_changes_that_never_reach_the_journal_are_lost(start, crowd, figures):
    server = await start(command=CHANGES_UNSAVED)
    people = await crowd(server)
    async with people.chatting(rate=8):
        await people.wait(lambda: people.total("saved") > 100)
    verdict = await people.verdict(patience=3)
    figures(messages=verdict.messages, changes=verdict.changes, verdict=verdict.counts)
    assert verdict.lost, str(verdict)


@strace.needed
async def test_changes_that_stay_on_the_pages_when_they_could_not_be_saved_leave_gaps(start, crowd, figures):
    server = await start(command=CHANGES_KEPT)
    people = await crowd(server, 4)
    await people.say()
    await people.calm()
    author = people.pages[0]
    async with strace.attached(server.pid, *strace.failing(strace.SYNC, "EIO")):
        author.write("a second thought", "edit", *open_to_change(author))
        await people.wait(lambda: author.log.counts["undone"] > 0)
    verdict = await people.verdict(patience=3)
    figures(messages=verdict.messages, changes=verdict.changes, verdict=verdict.counts)
    assert verdict.gap, str(verdict)

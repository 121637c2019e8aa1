"""A second server on a database that has one."""

from __future__ import annotations

import time

import pytest

from fault.commands import run
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


@pytest.mark.parametrize("how", ["hard link", "symbolic link", "renamed"])
async def test_a_server_has_its_database_by_whatever_name(start, gather, tmp_path, how):
    server = await start()
    people = await gather(server, 2)
    await people.say(3)
    await people.calm()
    (tmp_path / "second").mkdir()
    other = tmp_path / "second" / "other.db"
    if how == "hard link":
        other.hardlink_to(server.database)
    elif how == "symbolic link":
        other.symlink_to(server.database)
    else:
        server.database.rename(other)
    second = Server(tmp_path / "second", database=other)
    second.spawn()
    assert await second.ended() == 1
    assert "Another chatapp is already using" in second.log
    if how == "renamed":
        other.rename(server.database)
        other.hardlink_to(server.database)
    before = other.read_bytes()
    for command in (["check"], ["backup", tmp_path / "copy.db"], ["user", "passwd", "lan"]):
        status, said = await run(*command, "--database", other)
        if how != "symbolic link":
            assert status > 0
            assert "Use the name that the server uses." in said
    assert sorted(each.name for each in other.parent.glob("other.db*")) == (
        ["other.db"] if how == "symbolic link" else ["other.db", "other.db.lock"]
    )
    assert other.read_bytes() == before
    await server.kill()
    await server.start()
    assert not server.trouble


async def test_a_copy_of_a_database_in_use_is_free(start, tmp_path):
    server = await start()
    (tmp_path / "second").mkdir()
    copy = tmp_path / "second" / "copy.db"
    assert (await run("backup", copy, "--database", server.database))[0] == 0
    async with Server(tmp_path / "second", database=copy) as second:
        assert await second.answers("/readyz")

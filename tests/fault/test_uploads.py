"""Pictures meet a full disk, are damaged, or are made to do harm, while ten people write."""

from __future__ import annotations

import asyncio
import base64
import os
import resource
import signal
import time
from collections import Counter
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from PIL import Image

from fault.figures import amount
from fault.server import Server
from fault.spoiled import MARK, slow, spoiled
from fault.uploads import UNLIMITED, Uploader, kept, noise, uploader
from pictures import picture

REFUSED = amount("REFUSED_UPLOADS", 5)
ROUNDS = amount("SPOILED_ROUNDS", 1)  # of the 80 pictures that are not what they should be
HANGS = amount("HANGING_PICTURES", 1)
LATE = 400.0  # milliseconds; whoever decodes pictures where messages go makes them wait longer


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()} - {"ballast"}


@pytest.mark.timeout(120 + 5 * REFUSED)
async def test_a_picture_that_meets_a_full_disk_is_refused_and_leaves_nothing_behind(disk, start, gather, figures):
    server = await start(database=disk.folder / "chat.db", environment=UNLIMITED)
    people = await gather(server)
    waits = []
    async with people.chatting(rate=5), uploader(server, people.pages[0].cookie) as uploads:
        assert (await uploads.send(noise(300))).taken
        before, there = kept(server.database), names(disk.folder)
        disk.fill()
        refused = {}
        for _ in range(REFUSED):
            data, began = noise(700), time.monotonic()
            upload = await uploads.send(data)
            waits.append(time.monotonic() - began)
            assert upload.status in {503, 507}, upload
            assert upload.explained, upload
            assert upload.answer["retry"], upload
            refused[upload.key] = data
        assert kept(server.database) == before
        assert names(disk.folder) == there
        assert await people.pages[0].history(), "reading goes on while the disk is full"
        disk.free()
        began, saved = time.monotonic(), people.total("saved")
        while not await server.answers("/readyz"):
            await asyncio.sleep(0.05)
        key, data = refused.popitem()
        again = await uploads.send(data, key=key)
        assert again.taken, again.answer
        pictures_again = time.monotonic() - began
        await people.wait(lambda: people.total("saved") > saved)
        text_again = time.monotonic() - began
        assert len(await uploads.fetch(again)) == 2
    verdict = await people.verdict()
    figures(refused=REFUSED, slowest_refusal_s=max(waits), pictures_again_after_s=pictures_again)
    figures(text_again_after_s=text_again, messages=verdict.messages, kept=kept(server.database))
    figures(verdict=verdict.counts)
    assert verdict.clean, str(verdict)
    assert kept(server.database) == before | {"pictures": before["pictures"] + 1}
    assert max(pictures_again, text_again) < 5


async def test_a_picture_sent_by_socket_that_meets_a_full_disk_is_refused_on_the_socket(disk, start, gather):
    server = await start(database=disk.folder / "chat.db", environment=UNLIMITED)
    people = await gather(server, 2)
    headers = {"Cookie": people.pages[0].cookie, "Origin": server.url}
    content = f"data:image/png;base64,{base64.b64encode(noise(700)).decode()}"
    async with aiohttp.ClientSession(headers=headers) as browser, browser.ws_connect(f"{server.url}/ws") as page:
        disk.fill()
        await page.send_json({"type": "image", "content": content, "key": "k" * 22})
        async with asyncio.timeout(10):
            frame = await page.receive()
            while frame.type is aiohttp.WSMsgType.TEXT and '"refused"' not in frame.data:
                frame = await page.receive()
        disk.free()
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        assert frame.json()["code"] == "storage"
        assert frame.json()["retry"]
    assert kept(server.database)["pictures"] == 0


async def test_a_caption_is_kept_when_its_picture_meets_a_full_disk(disk, start, gather):
    server = await start(database=disk.folder / "chat.db", environment=UNLIMITED)
    people = await gather(server, 2)
    headers = {"Cookie": people.pages[0].cookie, "Origin": server.url, "Accept": "text/html"}
    form = aiohttp.FormData({"content": "what we saw yesterday", "key": "k" * 22})
    form.add_field("pictures", BytesIO(noise(700)), filename="x.png")
    disk.fill()
    async with (
        aiohttp.ClientSession(headers=headers) as browser,
        browser.post(f"{server.url}/rooms/tech/messages", data=form) as answer,
    ):
        page = await answer.text()
    disk.free()
    assert answer.status == 503
    assert "what we saw yesterday" in page


async def test_a_picture_that_is_sent_again_while_messages_are_refused_is_kept_once(disk, start, gather):
    server = await start(database=disk.folder / "chat.db", environment=UNLIMITED)
    people = await gather(server, 4)
    data = noise(200)
    async with people.chatting(rate=5), uploader(server, people.pages[0].cookie) as uploads:
        await people.wait(lambda: people.total("saved") > 20)
        disk.fill()
        await people.wait(lambda: "cannot be written" in server.log)
        disk.free()
        upload = await uploads.send(data)
        while not upload.taken:
            assert upload.explained, upload
            upload = await uploads.send(data, key=upload.key)
    assert kept(server.database) == {"pictures": 1, "orphans": 0, "strays": 0, "halves": 0}


def workers(server: Server) -> list[int]:
    """Return the processes that the server has started and that live."""
    return [int(pid) for pid in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()]


def spent(pid: int) -> float:
    """Return the seconds of computing that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def p99(people, marks: list[int]) -> float:
    """Return the milliseconds within which messages were shown since some marks."""
    late = sorted(s for page, mark in zip(people.pages, marks, strict=True) for s in page.latencies[mark:])
    return 1000 * late[int(0.99 * len(late))]


async def opens(uploads: Uploader, upload) -> None:
    """See to it that both sizes of a picture are whole, of a known kind, and nothing besides."""
    sizes = await uploads.fetch(upload)
    assert len(sizes) == 2
    for data in sizes:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG", "GIF", "WEBP")) as image:
            image.load()
        assert MARK not in data


@pytest.mark.timeout(120 + 60 * ROUNDS)
async def test_spoiled_pictures_are_refused_or_become_clean_and_disturb_nobody(start, gather, figures):
    pictures = await asyncio.to_thread(spoiled)
    server = await start(environment=UNLIMITED)
    people = await gather(server)
    fates, slowest = Counter(), 0.0
    async with people.chatting(rate=5), uploader(server, people.pages[0].cookie) as uploads:
        await people.wait(lambda: people.total("saved") > 200)
        usual, marks = people.latency(0.99), [len(page.latencies) for page in people.pages]
        for turn in range(ROUNDS):
            for number, each in enumerate(pictures):
                began = time.monotonic()
                upload = await uploads.send(each.data, f"{number}.png")
                slowest = max(slowest, time.monotonic() - began)
                fates["clean" if upload.taken else upload.answer["code"]] += 1
                assert upload.taken or (400 <= upload.status < 500 and upload.explained), (each.name, upload)
                assert each.fate in ("either", "clean" if upload.taken else "refused"), (each.name, upload)
                if upload.taken:
                    await opens(uploads, upload)
            figures.progress(turn + 1, ROUNDS, "round")
        late = p99(people, marks)
    verdict = await people.verdict()
    figures(pictures=len(pictures) * ROUNDS, **fates, slowest_s=slowest, p99_before_ms=usual, p99_ms=late)
    figures(messages=verdict.messages, verdict=verdict.counts)
    assert len(pictures) >= 60
    assert kept(server.database)["orphans"] == 0
    assert late < LATE
    assert verdict.clean, str(verdict)


@pytest.mark.timeout(120 + 40 * HANGS)
async def test_whoever_decodes_is_killed_at_its_limits_and_the_server_goes_on(start, gather, figures):
    server = await start(environment=UNLIMITED)
    people = await gather(server)
    costly = await asyncio.to_thread(slow)
    endings = []
    async with people.chatting(rate=5), uploader(server, people.pages[0].cookie) as uploads:
        await people.wait(lambda: people.total("saved") > 50)
        marks = [len(page.latencies) for page in people.pages]

        async def worker() -> int:
            """Return the process that decodes, fresh or used, after it has shown that it can."""
            assert (await uploads.send(picture())).taken
            [pid] = workers(server)
            return pid

        # Too much memory: the limit is there, and reaching it ends nothing but this picture.
        pid = await worker()
        soft, hard = resource.prlimit(pid, resource.RLIMIT_AS)
        assert 0 < soft <= 2**30
        resource.prlimit(pid, resource.RLIMIT_AS, (2**27, hard))
        endings.append(await uploads.send(costly))
        resource.prlimit(pid, resource.RLIMIT_AS, (soft, hard))
        # Killed by the system, as it does when memory is short.
        pid = await worker()
        before, sending = spent(pid), asyncio.create_task(uploads.send(costly))
        await people.wait(lambda: spent(pid) > before + 0.1)
        os.kill(pid, signal.SIGKILL)
        endings.append(await sending)
        # It hangs: the server kills it, and those that wait behind it have their turn.
        for _ in range(HANGS):
            pid = await worker()
            os.kill(pid, signal.SIGSTOP)
            began, hanging = time.monotonic(), asyncio.create_task(uploads.send(costly))
            await asyncio.sleep(0.5)
            behind = asyncio.create_task(uploads.send(picture()))
            endings.append(await hanging)
            seconds = time.monotonic() - began
            assert (await behind).taken
            assert pid not in workers(server)
        await worker()
        late = p99(people, marks)
    verdict = await people.verdict()
    codes = [upload.answer["code"] for upload in endings]
    figures(endings=codes, hanging_s=seconds, p99_ms=late, messages=verdict.messages, verdict=verdict.counts)
    assert all(400 <= upload.status < 500 and upload.explained for upload in endings), endings
    assert codes == ["picture_memory", "picture_failed", *["picture_slow"] * HANGS]
    assert seconds < 30
    assert late < LATE
    assert kept(server.database)["orphans"] == 0
    assert verdict.clean, str(verdict)

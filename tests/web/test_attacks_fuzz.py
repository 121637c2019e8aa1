"""Made-up input by the hundred: frames, cookies, names of hosts and origins, pictures with bytes changed.

A longer run by hand: ``CHATAPP_TEST_EXAMPLES=20000 pytest tests/web/test_attacks_fuzz.py --timeout 0``.
"""

from __future__ import annotations

import json
import logging
import random
from io import BytesIO
from string import printable

import pytest
from aiohttp import ClientSession
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from chatapp.chat.limits import Tries
from chatapp.model.refusals import Rejected
from chatapp.web import keys
from chatapp.workers.images import Images
from fault.figures import amount
from line import line
from pictures import picture

EXAMPLES = amount("EXAMPLES", 80)
hundreds = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
thousands = settings(hundreds, max_examples=2 * EXAMPLES)

WORDS = ["message", "join", "read", "typing", "beat", "image", "edit", "remove", "restore", "hello", "general", "An"]
FIELDS = ["type", "content", "key", "room", "direct", "since", "epoch", "id", "rev", "reply_to", "pictures"]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([*WORDS, "k" * 16, 2**53]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from(FIELDS), values, max_size=6)
known = st.builds(lambda kind, fields: {**fields, "type": kind}, st.sampled_from(WORDS[:9]), objects)
frames = st.one_of(known.map(json.dumps), objects.map(json.dumps), values.map(json.dumps), st.text())


@pytest.fixture
def trouble(caplog):
    """Return what was logged as an error since the last look."""

    def trouble() -> list[str]:
        found = [each.getMessage() for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR]
        caplog.clear()
        return found

    return trouble


@thousands
@given(frames)
async def test_any_frame_is_understood_or_refused_on_a_socket_that_stays(client, meet, trouble, frame: str) -> None:
    client.app[keys.limits].nonsense = Tries(0, 60)
    if not hasattr(client, "an"):
        client.an = await meet("An")
        client.ws = await client.an.socket("/ws?room=general&epoch=x")
    await client.ws.send_str(frame.encode("utf-8", "replace").decode())
    await client.ws.send_str('{"type":"beat"}')
    while '{"type":"beat"}' not in (heard := await client.ws.receive_str(timeout=10)):
        assert heard.startswith(("<", "{"))
    assert trouble() == []


latin = st.characters(max_codepoint=255, exclude_characters="\r\n\0")


async def status(client, head: str) -> int:
    async with line(client) as connection:
        await connection.send(f"{head}\r\nAccept: application/json\r\nConnection: close\r\n\r\n".encode("latin-1"))
        return await connection.status()


@hundreds
@given(st.text(latin, max_size=300) | st.text("gAB=; \",%\\'{}chatpp", max_size=60))
async def test_any_cookie_is_nobodys(client, trouble, cookie: str) -> None:
    for name in ("Cookie: chatapp=", "Cookie: chatapp=x; language=", "Cookie: zone=", "Cookie: "):
        assert await status(client, f"GET /people HTTP/1.1\r\nHost: x\r\n{name}{cookie}") in (400, 401)
    assert trouble() == []


hosts = st.text(latin, max_size=80) | st.text(":/[]@.%?#-_x1", max_size=30)


@hundreds
@given(hosts, hosts)
async def test_any_host_and_origin_get_an_answer_and_no_way_in(client, trouble, host: str, origin: str) -> None:
    asked = f"Host: {host}\r\nOrigin: {origin}"
    assert await status(client, f"GET /login HTTP/1.1\r\n{asked}") in (200, 400)
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"
    assert await status(client, f"GET /ws HTTP/1.1\r\n{asked}\r\n{upgrade}") in (400, 401, 403)
    for header in ("Origin", "Referer", "Sec-Fetch-Site", "X-Forwarded-For", "X-Forwarded-Proto", "Accept-Language"):
        post = f"POST /language HTTP/1.1\r\nHost: x\r\n{header}: {origin}\r\nContent-Length: 0"
        assert await status(client, post) in (400, 403), (header, origin)
    assert trouble() == []


@hundreds
@given(st.text(printable.replace("\r", "").replace("\n", ""), max_size=60), st.text(max_size=60))
async def test_any_address_and_form_are_answered(client, meet, trouble, path: str, text: str) -> None:
    if not hasattr(client, "an"):
        client.an = await meet("An")
    browser: ClientSession = client.an._browser
    path = path.lstrip("/")  # else the client takes it for the name of a host
    for address in (f"/{path}", f"/rooms/{path}", f"/direct/{path}", f"/images/{path}"):
        try:
            answer = await browser.get(address, params={"next": text, "before": text, "after": path})
        except ValueError:  # no address at all, says the client
            continue
        assert answer.status in (200, 400, 401, 404), address
    form = {"username": text, "password": path, "content": text, "key": path, "language": text, "theme": path}
    for address in ("/login", "/rooms/general/messages", "/rooms/general/messages/1/edit", "/settings", "/language"):
        answer = await client.an.post(address, form, allow_redirects=False)
        assert answer.status in (303, 400, 404, 422), address
    assert trouble() == []


def valid() -> list[bytes]:
    moving = BytesIO()
    stills = [Image.new("RGB", (24, 24), colour) for colour in ("red", "green", "blue")]
    stills[0].save(moving, "GIF", save_all=True, append_images=stills[1:], duration=50)
    small = (40, 30)
    return [picture(kind, small) for kind in ("PNG", "JPEG", "WEBP", "GIF")] + [moving.getvalue()]


@pytest.fixture
async def images():
    images = Images()
    yield images
    await images.close()


@hundreds
@given(st.integers(0, 4), st.integers(0, 2**32), st.integers(1, 8), st.sampled_from(["change", "cut", "double"]))
async def test_any_changed_picture_becomes_a_clean_one_or_is_refused(images, kind, seed, count, how) -> None:
    data, chance = bytearray(valid()[kind]), random.Random(seed)
    for _ in range(count):
        place = chance.randrange(len(data))
        if how == "cut":
            del data[place : place + chance.randrange(1, 20)]
        elif how == "double":
            data[place:place] = data[max(0, place - chance.randrange(1, 20)) : place]
        else:
            data[place] = chance.randrange(256)
        data = data or bytearray(b"\0")
    code, prepared = "", None
    try:
        prepared = await images.prepare(bytes(data), "x.png")
    except Rejected as refusal:
        code = refusal.code
    if prepared is None:
        assert code.startswith("picture_")
        assert code not in {"picture_failed", "picture_slow", "picture_memory"}, "the child itself had trouble"
        return
    for part, mime in ((prepared.data, prepared.mime), (prepared.thumb, prepared.thumb_mime)):
        with Image.open(BytesIO(part)) as image:
            image.load()
            assert f"image/{image.format.lower()}" == mime

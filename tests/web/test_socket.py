"""The socket as a page uses it, as the original program's client used it, and as it must not be used."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError
from aiohttp.streams import EofStream
from yarl import URL

from chatapp.web import keys
from ear import Ear
from people import Person
from pictures import picture

OURS = "/ws?room=general&since=0&epoch=x"


async def test_a_stranger_gets_401_before_any_upgrade(client) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await client.ws_connect("/ws", headers={"Origin": str(client.make_url("/")).rstrip("/")})
    assert refused.value.status == 401


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1.evil.example", None])
async def test_another_sites_page_gets_403(meet, origin: str | None) -> None:
    an = await meet("An")
    headers = {"Origin": origin} if origin else {}
    with pytest.raises(WSServerHandshakeError) as refused:
        await an._browser.ws_connect("/ws", headers=headers)
    assert refused.value.status == 403


async def test_an_unknown_room_is_404_before_any_upgrade(meet) -> None:
    an = await meet("An")
    with pytest.raises(WSServerHandshakeError) as refused:
        await an.socket("/ws?room=nowhere")
    assert refused.value.status == 404


async def test_two_people_talk(meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    async with an.socket(OURS) as one, binh.socket(OURS) as other:
        a, b = Ear(one), Ear(other)
        await a.until("ready")
        await b.until("ready")
        await a.say("message", content="Chào **Bình**", key="key-of-an-0000001")
        sent = await a.control("sent")
        assert sent["key"] == "key-of-an-0000001"
        fragment = await b.until("Chào")
        assert "<strong>Bình</strong>" in fragment
        assert f'data-mid="{sent["id"]}"' in fragment
        mark = json.loads(await a.until(lambda frame: '"saved","upto"' in frame))
        assert mark["upto"] >= sent["id"]
        mine = json.loads(await a.until(lambda frame: '"saved","keys"' in frame))
        assert mine["keys"] == ["key-of-an-0000001"]
        await b.until("saved")
        assert b.count("key-of-an-0000001") == 0


async def test_no_deflate_is_negotiated(meet) -> None:
    an = await meet("An")
    async with an.socket(OURS, compress=15) as socket:
        assert socket.compress == 0


async def test_switching_keeps_the_socket_and_leaves_the_old_room(meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    async with an.socket(OURS) as one, binh.socket(OURS) as other:
        a, b = Ear(one), Ear(other)
        await a.until("ready")
        await b.until("ready")
        await a.say("join", room="tech", since=0, epoch="x")
        await a.until(lambda frame: '"ready"' in frame and '"tech"' in frame)
        await b.say("message", content="in general", key="key-0000000000001")
        news = await a.until("unread:#side")
        assert 'data-conversation="general"' in news
        assert a.count("in general") == 0
        await b.say("join", room="tech")
        await b.until(lambda frame: '"ready"' in frame and '"tech"' in frame)
        await b.say("message", content="in tech", key="key-0000000000002")
        await a.until("in tech")


async def test_a_direct_message_reaches_its_reader_wherever_they_are(meet) -> None:
    an, binh, chi = await meet("An"), await meet("Bình"), await meet("Chi")
    async with (
        an.socket("/ws?direct=B%C3%ACnh&since=0&epoch=x") as one,
        binh.socket(OURS) as other,
        chi.socket(OURS) as third,
    ):
        a, b, c = Ear(one), Ear(other), Ear(third)
        for ear in (a, b, c):
            await ear.until("ready")
        await a.say("message", content="only for you", key="key-0000000000001")
        news = await b.until("unread:#side")
        assert "/direct/An" in news
        await a.until("saved")
        await c.say("beat")
        await c.until("beat")
        assert c.count("only for you") == 0
        assert c.count("unread:#side") == 0


async def test_the_original_clients_frames_work(meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    async with an.socket("/ws") as one, binh.socket(OURS) as other:
        a, b = Ear(one), Ear(other)
        await a.until("ready")
        await b.until("ready")
        await one.send_str('{"type":"message","content":"Hello"}')
        await b.until("Hello")
        data = base64.b64encode(picture(size=(900, 700))).decode()
        await one.send_str(json.dumps({"type": "image", "content": f"data:image/png;base64,{data}"}))
        fragment = await b.until("/images/")
        assert 'width="640"' in fragment
        large = base64.b64encode(picture("BMP", (600, 500))).decode()  # 900 KB: larger than a page may send
        await one.send_str(json.dumps({"type": "image", "content": f"data:image/bmp;base64,{large}"}))
        refused = await a.control("refused")
        assert "JPEG" in refused["reason"]


async def test_frames_of_relatives_of_the_original_program_work(meet) -> None:
    an, binh, chi = await meet("An"), await meet("Bình"), await meet("Chi")
    async with (
        an.socket("/ws") as one,
        binh.socket("/ws?direct=An&since=0&epoch=x") as other,
        chi.socket(OURS) as third,
    ):
        a, b, c = Ear(one), Ear(other), Ear(third)
        for ear in (a, b, c):
            await ear.until("ready")
        await one.send_str('{"type":"message","message":"to all"}')
        await c.until("to all")
        await a.until(lambda frame: '"saved","keys"' in frame)
        a.heard.clear()
        await one.send_str('{"type":"private_message","to":"bình","message":"to you alone"}')
        fragment = await b.until("to you alone")
        sent = await a.control("sent")
        assert f'data-mid="{sent["id"]}"' in fragment
        await a.until(lambda frame: '"saved","keys"' in frame and sent["key"] in frame)
        await one.send_str('{"type":"switch_room","room":"Tech"}')
        await a.until(lambda frame: '"ready"' in frame and '"tech"' in frame)
        await one.send_str('{"type":"message","message":"in tech"}')
        await a.until("in tech")
        for ear in (b, c):
            await ear.say("beat")
            await ear.until("beat")
        assert b.count("to all") == c.count("to you alone") == c.count("in tech") == 0
    assert "to you alone" in await (await binh.get("/direct/An")).text()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"type": "private_message", "to": "Nobody", "message": "x"}', "not_found"),
        ('{"type": "private_message", "to": 5, "message": "x"}', "not_found"),
        ('{"type": "private_message", "message": "x"}', "not_found"),
        ('{"type": "private_message", "to": "An", "message": ""}', "empty"),
        ('{"type": "private_message", "to": "An"}', "content_type"),
        ('{"type": "private_message", "to": "An", "message": 7}', "content_type"),
        ('{"type": "private_message", "to": "An", "message": "x", "key": "short"}', "key"),
        ('{"type": "message", "message": ""}', "empty"),
        ('{"type": "message", "message": ["x"]}', "content_type"),
        ('{"type": "message", "content": "", "message": "x"}', "empty"),
        (json.dumps({"type": "message", "message": "x" * 4001}), "too_long"),
        ('{"type": "switch_room", "room": "nowhere"}', "not_found"),
        ('{"type": "switch_room", "room": ""}', "not_found"),
        ('{"type": "switch_room", "room": 5}', "not_found"),
        ('{"type": "switch_room"}', "not_found"),
        ('{"type": "switch_room", "direct": "An"}', "not_found"),
    ],
)
async def test_a_relatives_frame_that_cannot_be_is_refused_with_a_sentence(meet, text: str, code: str) -> None:
    an = await meet("An")
    async with an.socket("/ws") as socket:
        ear = Ear(socket)
        await ear.until("ready")
        await socket.send_str(text)
        refused = await ear.control("refused")
        assert refused["code"] == code
        assert refused["reason"]
        await ear.say("message", message="still in general")
        await ear.until("still in general")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", "not_json"),
        ("[]", "not_json"),
        ("null", "not_json"),
        ('"x"', "not_json"),
        ("[" * 60_000, "not_json"),
        ('{"type": "shout"}', "unknown_type"),
        ('{"type": ["message"]}', "unknown_type"),
        ('{"content": "x"}', "unknown_type"),
        ('{"type": "message"}', "content_type"),
        ('{"type": "message", "content": 7}', "content_type"),
        ('{"type": "message", "content": ""}', "empty"),
        ('{"type": "message", "content": "x", "key": "short"}', "key"),
        ('{"type": "message", "content": "x", "key": 5}', "key"),
        ('{"type": "message", "content": "\\ud800"}', "content_encoding"),
        (json.dumps({"type": "message", "content": "x" * 4001}), "too_long"),
        ('{"type": "join", "room": "nowhere"}', "not_found"),
        ('{"type": "join", "room": 5}', "not_found"),
        ('{"type": "join", "direct": "Nobody"}', "not_found"),
        ('{"type": "image", "content": "data:text/html;base64,PHA+"}', "content_type"),
        ('{"type": "image", "content": "data:image/png;base64,!!!"}', "damaged"),
    ],
)
async def test_a_bad_frame_is_refused_with_a_sentence_and_the_socket_stays_open(meet, text: str, code: str) -> None:
    an = await meet("An")
    async with an.socket(OURS) as socket:
        ear = Ear(socket)
        await ear.until("ready")
        await socket.send_str(text)
        refused = await ear.control("refused")
        assert refused["code"] == code
        assert refused["reason"]
        await ear.say("message", content="still here", key="key-0000000000001")
        await ear.until("still here")


@pytest.mark.parametrize(
    "frame", [{"type": "read", "id": "x"}, {"type": "read", "id": 2**70}, {"type": "read"}, {"type": "typing", "x": []}]
)
async def test_odd_fields_are_ignored(meet, frame: dict[str, Any]) -> None:
    an = await meet("An")
    async with an.socket(OURS) as socket:
        ear = Ear(socket)
        await ear.until("ready")
        await socket.send_str(json.dumps(frame))
        await ear.say("beat")
        await ear.until("beat")


async def test_an_oversize_frame_closes_with_1009(meet) -> None:
    an = await meet("An")
    async with an.socket(OURS) as socket:
        ear = Ear(socket)
        await ear.until("ready")
        await socket.send_str("x" * 70_000)
        await ear.closed()
        assert socket.close_code == 1009


async def test_a_binary_frame_closes_with_1003(meet) -> None:
    an = await meet("An")
    async with an.socket(OURS) as socket:
        ear = Ear(socket)
        await ear.until("ready")
        await socket.send_bytes(b"x")
        await ear.closed()
        assert socket.close_code == 1003


async def test_a_flood_of_nonsense_is_closed_with_1008(meet) -> None:
    an = await meet("An")
    async with an.socket(OURS) as socket:
        ear = Ear(socket)
        await ear.until("ready")
        for _ in range(30):
            await socket.send_str("nonsense")
        await ear.closed()
        assert socket.close_code == 1008


async def test_logging_out_closes_the_sockets_of_that_session_only(meet) -> None:
    an, phone = await meet("An"), await meet("Bình")
    async with an.socket(OURS) as one, phone.socket(OURS) as other:
        a, b = Ear(one), Ear(other)
        await a.until("ready")
        await b.until("ready")
        await an.log_out()
        await a.closed()
        assert one.close_code == 4401
        await b.say("beat")
        await b.until("beat")


async def test_one_socket_too_many_is_closed_with_4408_and_the_others_stay(start) -> None:
    client = await start(sockets_per_person=2)
    async with Person(client.server, "An") as an:
        await an.register()
        async with an.socket(OURS) as one, an.socket(OURS) as two:
            await Ear(one).until("ready")
            await Ear(two).until("ready")
            async with an.socket(OURS) as three:
                await Ear(three).closed()
                assert three.close_code == 4408
            assert not one.closed


async def test_typing_reaches_the_others_in_the_room(meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    async with an.socket(OURS) as one, binh.socket(OURS) as other:
        a, b = Ear(one), Ear(other)
        await a.until("ready")
        await b.until("ready")
        await a.say("typing")
        assert 'data-name="An"' in await b.until("typing:#typing")


async def test_coming_and_going_is_seen(meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    async with an.socket(OURS) as one:
        a = Ear(one)
        await a.until("presence:#side")
        async with binh.socket(OURS) as other:
            await Ear(other).until("ready")
            await a.until(lambda frame: re.search(r'data-came="[\d ]*\b2"', frame))
        await a.until('data-left="2"')


async def test_reading_is_remembered_and_told_to_the_other_device(meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    async with an.socket(OURS) as one, binh.socket(OURS) as other, binh.socket("/ws?join=none") as device:
        a, b, c = Ear(one), Ear(other), Ear(device)
        for ear in (a, b, c):
            await ear.until("ready")
        await a.say("message", content="x", key="key-0000000000001")
        message = (await a.control("sent"))["id"]
        await c.until("unread:#side")
        await b.until("saved")
        await b.say("read", id=message)
        await c.until(lambda frame: '"reads"' in frame and f'"general":{message}' in frame)
    assert 'data-conversation="general" data-count="0"' in await (await binh.get("/rooms")).text()


async def test_a_page_knows_what_was_read_a_moment_ago(meet) -> None:
    an, binh = await meet("An"), await meet("Bình")
    async with an.socket(OURS) as one, binh.socket(OURS) as other:
        a, b = Ear(one), Ear(other)
        for ear in (a, b):
            await ear.until("ready")
        for number in range(5):  # marks are stored twice a second: most of these wait
            await a.say("message", content="x", key=f"key-000000000000{number}")
            await a.until(lambda frame, key=f"key-000000000000{number}": '"saved"' in frame and key in frame)
            message = int(re.findall(r'"id":(\d+)', [frame for frame in a.heard if '"sent"' in frame][-1])[0])
            await b.say("read", id=message)
            b.heard.clear()
            await b.say("beat")
            await b.until(lambda frame: frame == '{"type":"beat"}')
            page = await (await binh.get("/rooms/general")).text()
            assert f'data-read="{message}"' in page
            assert 'data-conversation="general" data-count="0"' in page


async def test_stopping_says_1012_after_saving(client, meet) -> None:
    an = await meet("An")
    async with an.socket(OURS) as socket:
        ear = Ear(socket)
        await ear.until("ready")
        await ear.say("message", content="x", key="key-0000000000001")
        await ear.until("sent")
        stopping = asyncio.create_task(client.server.close())
        await ear.closed()
        await stopping
        assert socket.close_code == 1012
        assert ear.count('"saved"') >= 1


async def test_somebody_who_registers_appears_in_lists_that_are_open(meet) -> None:
    an = await meet("An")
    async with an.socket(OURS) as socket:
        ear = Ear(socket)
        await ear.until("ready")
        await meet("Bình")
        assert 'data-person="2"' in await ear.until("newcomers:.members")


async def test_a_closed_socket_gets_one_close_frame(meet) -> None:
    an = await meet("An")
    async with an.socket(OURS, autoclose=False) as socket:
        ear = Ear(socket)
        await ear.until("ready")
        await an.log_out()
        last = await ear.closed()
        assert (last.type, last.data) == (WSMsgType.CLOSE, 4401)
        await socket._writer.close(4401)  # the answer; a second frame of the server would be read as a fault
        with pytest.raises(EofStream):
            await socket._reader.read()


JUNK = ["abc", "-1", "1e3", "", "1_000", "１２", "9223372036854775808", " 5", "+5", "0x5", "5.0", "null", "\x00"]


async def test_a_cursor_that_is_no_number_gets_the_list_anew_and_never_part_of_a_gap(meet, client) -> None:
    an, binh = await meet("An"), await meet("Bình")
    await binh.post("/rooms/general/messages", {"content": "missed"})
    epoch = client.app[keys.resume].epoch
    for since in JUNK:
        async with an.socket(f"/ws?{urlencode({'room': 'general', 'since': since, 'epoch': epoch})}") as socket:
            assert (await Ear(socket).control("hello"))["recovered"] is False, since
    async with an.socket(f"/ws?room=general&since=0&epoch={epoch}") as socket:
        ear = Ear(socket)
        assert (await ear.control("hello"))["recovered"] is True
        await ear.until(lambda frame: "missed" in frame)


async def test_a_cursor_that_is_no_number_gets_the_list_anew_after_a_switch_too(meet, client) -> None:
    an, binh = await meet("An"), await meet("Bình")
    await binh.post("/rooms/tech/messages", {"content": "missed"})
    epoch = client.app[keys.resume].epoch
    async with an.socket(f"/ws?room=general&since=0&epoch={epoch}") as socket:
        ear = Ear(socket)
        await ear.until(lambda frame: '"ready"' in frame)
        for since in [*JUNK, None, True, 5.0, [], {}, -1, 2**63]:
            ear.heard.clear()
            await ear.say("join", room="tech", since=since, epoch=epoch)
            assert (await ear.control("hello"))["recovered"] is False, since
            await ear.until(lambda frame: '"ready"' in frame)


@pytest.mark.parametrize("name", ["50%de", "A+B", "a&room=tech", "C=D", "%41"])
async def test_a_socket_finds_whom_an_address_names_whatever_signs_the_name_has(meet, name: str) -> None:
    an, other = await meet("An"), await meet(name)
    async with an.socket(URL.build(path="/ws", query={"direct": other.name, "epoch": "x"})) as socket:
        assert (await Ear(socket).control("hello"))["conversation"].startswith("@")

"""Pictures in texts of the original program's client: known by their beginning, taken apart without a structure."""

from __future__ import annotations

import base64
import json
import os

import pytest

from chatapp.model.pictures import PICTURE_BYTES
from chatapp.model.refusals import Rejected
from chatapp.model.rooms import Room
from chatapp.web.legacy import acts, pictures

DATA = os.urandom(200_000)
URL = "data:image/png;base64," + base64.b64encode(DATA).decode()


def begins(text: str) -> bool:
    return pictures.LARGE_TEXTS.opening.match(text[: pictures.LARGE_TEXTS.head].encode()) is not None


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"type": "image", "content": URL}),
        json.dumps({"type": "image", "content": URL}, separators=(",", ":")),
        json.dumps({"type": "image", "content": URL}, indent=4),
        json.dumps({"content": URL, "type": "image"}),
        json.dumps({"type": "image", "room": "general", "at": 1.5e3, "new": True, "key": None, "content": URL}),
        json.dumps({"type": "image", "content": URL, "key": "key-0000000000001"}),
        json.dumps({"type": "image", "content": URL}).replace("/", "\\/"),
        " \n" + json.dumps({"type": "image", "message": URL}),
    ],
)
async def test_a_picture_comes_out_as_it_was_however_its_frame_is_written(text: str) -> None:
    assert begins(text)
    whole = bytearray(text.encode())
    frame, data = await pictures.take_apart(whole)
    assert data == DATA
    assert frame["type"] == "image"
    assert not whole, "it is not kept twice"


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"beat","x":[' + "1," * 1000,
        '{"type":"message","content":"' + "x" * 5000,
        '{"type":"image","content":["data:image/png;base64,',
        '{"x":{"type":"image","content":"data:image/png;base64,',
        '[{"type":"image","content":"data:image/png;base64,',
        '{"type":"image","x":"' + "x" * 300 + '","content":"data:image/png;base64,',
        '{"type":"image","content":"data:text/html;base64,',
        '{"type":"image","content":"' + " " * 2000 + "data:image/png;base64,",
        " " * 2000,
        '{"a":1,' * 500,
        "\x00" * 2000,
    ],
)
def test_what_does_not_begin_as_a_picture_is_none(text: str) -> None:
    assert not begins(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"type":"image","content":"data:image/png;base64,AAAA', "not_json"),
        ('{"type":"image","content":"data:image/png;base64,AAAA"', "not_json"),
        ('{"type":"image","content":"data:image/png;base64,AAAA","x":[' + "1," * 5000 + "1]}", "not_json"),
        ('{"type":"image","content":"data:image/png;base64,AAAA"}{}', "not_json"),
        ('{"type":"image","content":"data:image/png;base64,AAA"}', "damaged"),
        ('{"type":"image","content":"data:image/png;base64,AA=A"}', "damaged"),
        ('{"type":"image","content":"data:image/png;base64,AA==' + "AAAA" * 50_000 + '"}', "damaged"),
        ('{"type":"image","content":"data:image/png;base64,' + "A" * 65_535 + "=" + 'AAAA"}', "damaged"),
        ('{"type":"image","content":"data:image/png;base64,AA A"}', "damaged"),
        ('{"type":"image","content":"data:image/png;base64,AA\\u0041A"}', "damaged"),
        ('{"type":"image","content":"data:image/png;base64,AAAA\\"}', "damaged"),
        (
            '{"type":"image","content":"data:image/png;base64,' + "A" * (PICTURE_BYTES // 3 * 4 + 8) + '"}',
            "picture_too_big",
        ),
    ],
    ids=range(12),
)
async def test_a_picture_that_is_none_is_refused(text: str, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        await pictures.take_apart(bytearray(text.encode()))
    assert refused.value.code == code


@pytest.mark.parametrize("cut", [65_535, 65_536, 65_537, 65_538, 131_071])
async def test_it_does_not_matter_where_a_slash_or_the_end_falls(cut: int) -> None:
    letters = ("A" * cut)[: cut - cut % 4] + "////" * 20_000
    data = base64.b64decode(letters)
    text = '{"type":"image","content":"data:image/png;base64,' + letters.replace("/", "\\/") + '"}'
    _, found = await pictures.take_apart(bytearray(text.encode()))
    assert found == data


def test_a_room_is_meant_by_its_id_or_by_its_name() -> None:
    rooms = [Room("general"), Room("tech"), Room("am-nhac", "Âm nhạc")]
    assert [acts.find_room(named, rooms) for named in ("general", " General ", "TECH", "Âm Nhạc", "am-nhac")] == [
        "general", "general", "tech", "am-nhac", "am-nhac"
    ]  # fmt: skip
    assert [acts.find_room(named, rooms) for named in ("nowhere", "", 5, None, ["general"], "x" * 10**6)] == [None] * 6

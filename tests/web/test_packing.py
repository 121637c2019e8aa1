"""Pages on their way: compressed as the browser likes it, each a little longer than it needs to be."""

from __future__ import annotations

import gzip
import re

import brotli
import pytest

from chatapp.web.assets import packing

UNPACK = {"br": brotli.decompress, "gzip": gzip.decompress}
PAGE = "Một tin nhắn, with a link https://example.org/page. ".encode() * 200


@pytest.mark.parametrize("encoding", ["br", "gzip"])
@pytest.mark.parametrize("padding", [1, 2, 63, 64, 65, 128, 255, packing.PADDING])
def test_a_page_is_whole_however_much_it_was_padded(monkeypatch, encoding: str, padding: int) -> None:
    monkeypatch.setattr("chatapp.web.assets.packing.secrets.randbelow", lambda _: 0)
    shortest, _ = packing.pack_page(PAGE, encoding)
    monkeypatch.setattr("chatapp.web.assets.packing.secrets.randbelow", lambda limit: min(padding, limit) - 1)
    packed, given = packing.pack_page(PAGE, encoding)
    assert given == encoding
    assert UNPACK[encoding](packed) == PAGE
    assert len(packed) == len(shortest) + padding - 1


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_the_length_of_a_page_is_a_matter_of_chance(encoding: str) -> None:
    lengths = [len(packing.pack_page(PAGE, encoding)[0]) for _ in range(400)]
    assert max(lengths) - min(lengths) > packing.PADDING * 0.8
    assert max(lengths) - min(lengths) < packing.PADDING
    assert len(set(lengths)) > packing.PADDING / 2


def test_what_is_small_stays_as_it_is() -> None:
    assert packing.pack_page(b"<p>ok</p>", "br, gzip") == (b"<p>ok</p>", None)


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("br;q=0, gzip;q=0", None),
        ("br;q=0, *;q=0.1", "gzip"),
        ("identity;q=1, br;q=0.5", None),
        ("identity, br", "br"),
        ("deflate", None),
        ("", None),
    ],
)
async def test_a_room_comes_in_the_form_its_browser_likes_best(meet, accepted: str, expected: str | None) -> None:
    an = await meet("An")
    answer = await an.get("/rooms/general", headers={"Accept-Encoding": accepted}, auto_decompress=False)
    body = await answer.read()
    assert answer.headers.get("Content-Encoding") == expected
    assert int(answer.headers["Content-Length"]) == len(body)
    assert "Accept-Encoding" in answer.headers["Vary"].split(", ")
    assert b"</html>" in (UNPACK[expected](body) if expected else body)


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/rooms", {}),
        ("/people", {}),
        ("/rooms/general", {}),
        ("/rooms/general", {"HX-Request": "true"}),
        ("/direct/An", {"HX-Request": "true"}),
    ],
)
async def test_pages_and_their_parts_are_packed_and_the_same_as_before(meet, path: str, part: dict[str, str]) -> None:
    an = await meet("An")
    plain = await (await an.get(path, headers={"Accept-Encoding": "identity", **part})).text()
    for encoding, unpack in UNPACK.items():
        answer = await an.get(path, headers={"Accept-Encoding": encoding, **part}, auto_decompress=False)
        packed = await answer.read()
        assert answer.headers["Content-Encoding"] == encoding
        assert len(packed) < len(plain) / 2 + packing.PADDING
        assert _unkeyed(unpack(packed).decode()) == _unkeyed(plain)
        assert answer.content_type == "text/html"


def _unkeyed(page: str) -> str:
    return re.sub(r'name="key" value="[^"]+"|data-cursor="\d+"', "", page)  # made for each page; of the moment


async def test_programs_errors_heads_and_pictures_get_what_they_always_got(meet) -> None:
    an = await meet("An")
    packed = {"Accept-Encoding": "br, gzip"}
    for answer in (
        await an.get("/rooms/nowhere", headers=packed),
        await an.get("/rooms/nowhere", headers=packed | {"Accept": "application/json"}),
        await an.post("/rooms/general/messages", {"content": " "}, headers=packed),
        await an.post("/rooms/general/messages", {"content": "hi"}, headers=packed | {"Accept": "application/json"}),
        await an.get("/healthz", headers=packed),
        await an.get("/settings", headers=packed),
        await an.head("/rooms/general", headers=packed),
    ):
        assert "Content-Encoding" not in answer.headers, answer.url

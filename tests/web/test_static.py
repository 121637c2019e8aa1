"""Static files: all of them served, under a version, with the right type, and nothing from outside the folder."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import brotli
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from chatapp.model.refusals import NotFound
from chatapp.system import resources
from chatapp.web.assets import static
from chatapp.web.assets.static import Static

Client = TestClient[web.Request, web.Application]

SHEETS = ("tokens", "base", "room")
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of static files beside a secret."""
    (tmp_path / "secret.txt").write_text("secret")
    files = tmp_path / "static"
    (files / "css").mkdir(parents=True)
    (files / "css" / "style.css").write_text("".join(f'@import "./{name}.css" layer({name});\n' for name in SHEETS))
    for name in SHEETS:
        (files / "css" / f"{name}.css").write_text("body { margin: 0 }\n" * 100)
    (files / "js").mkdir()
    (files / "js" / "app.js").write_text("start();\n")
    (files / "LICENSE").write_text("free")
    (files / ".hidden").write_text("secret")
    (files / "link.css").symlink_to(tmp_path / "secret.txt")
    (files / "away").symlink_to(tmp_path, target_is_directory=True)
    return files


def sent(path: Path) -> bytes:
    """Return a file as it is served: our own scripts without comment lines and indents, all else as it is."""
    if path.suffix != ".js" or "vendor" in path.parts:
        return path.read_bytes()
    lines = [line.lstrip(b" ") for line in path.read_bytes().split(b"\n")]
    return b"\n".join(b"" if line.startswith(b"//") else without_remark(line) for line in lines)


def without_remark(line: bytes) -> bytes:
    """Return a line without the comment behind its code, unless something in it could end a string."""
    code, slashes, remark = line.rpartition(b" // ")
    return code.rstrip(b" ") if slashes and not set(b"\"'`") & set(remark) else line


async def test_every_file_of_the_folder_is_served_byte_for_byte(client: Client) -> None:
    files = [path for path in resources.folder("static").rglob("*") if path.is_file() and path.suffix != ".py"]
    assert files
    for path in files:
        url = client.app[static.key].url(path.relative_to(resources.folder("static")).as_posix())
        for headers in (PLAIN, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "br"}):
            response = await client.get(url, headers=headers)
            assert response.status == 200
            assert await response.read() == sent(path)
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("js/app.js", "text/javascript"),
        ("css/base.css", "text/css"),
        ("img/favicon.svg", "image/svg+xml"),
        ("vendor/htmx/LICENSE", "text/plain"),
    ],
)
async def test_types_are_what_browsers_insist_on(client: Client, kind: str, content_type: str) -> None:
    response = await client.get(client.app[static.key].url(kind))
    assert response.content_type == content_type


async def test_a_page_from_before_an_update_still_gets_its_files_but_asks_again(client: Client) -> None:
    response = await client.get("/static/0123456789ab/css/base.css")
    assert response.status == 200
    assert response.headers["Cache-Control"] == "no-cache"


async def test_who_has_a_file_already_is_told_so(client: Client) -> None:
    url = client.app[static.key].url("joined/style.css")
    tags = set()
    for encoding in ("identity", "gzip", "br"):
        tag = (await client.get(url, headers={"Accept-Encoding": encoding})).headers["ETag"]
        tags.add(tag)
        for wanted, status in ((tag, 304), (f"W/{tag}", 304), (f'"other", {tag}', 304), ("*", 304), ('"other"', 200)):
            response = await client.get(url, headers={"Accept-Encoding": encoding, "If-None-Match": wanted})
            assert response.status == status
            assert response.headers["ETag"] == tag
            assert response.headers["Vary"] == "Accept-Encoding"
            assert status == 200 or await response.read() == b""
    assert len(tags) == 3, "a tag names one form of a file, byte for byte"


async def test_a_packed_file_is_smaller_and_says_so(client: Client) -> None:
    url = client.app[static.key].url("joined/app.js")
    sizes = []
    for encoding in ("br", "gzip", "identity"):
        response = await client.get(url, headers={"Accept-Encoding": encoding})
        assert response.headers.get("Content-Encoding", "identity") == encoding
        sizes.append(int(response.headers["Content-Length"]))
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br", "br"),
        ("BR, GZIP;q=0.5", "br"),
        ("br;q=0.4, gzip;q=0.5", "gzip"),
        ("deflate, gzip;q=1.0, *;q=0.5", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("br; q=0.000, gzip; q=0", None),
        ("br;q=0, gzip", "gzip"),
        ("gzip;q=much", None),
        ("*;q=0", None),
        ("xgzip, brr", None),
        ("identity", None),
        ("", None),
    ],
)
async def test_files_are_packed_the_way_the_browser_likes_best(
    client: Client, accepted: str, encoding: str | None
) -> None:
    url = client.app[static.key].url("joined/style.css")
    async with client.session.get(client.make_url(url), headers={"Accept-Encoding": accepted}) as response:
        assert response.headers.get("Content-Encoding") == encoding


async def test_a_head_tells_the_size_without_the_file(client: Client) -> None:
    url = client.app[static.key].url("css/base.css")
    head, get = await client.head(url, headers=PLAIN), await client.get(url, headers=PLAIN)
    assert head.headers["Content-Length"] == get.headers["Content-Length"]
    assert await head.read() == b""


@pytest.mark.parametrize(
    "path",
    [
        "../../chatapp/app.py",
        "%2e%2e/%2e%2e/chatapp/app.py",
        "..%2f..%2fchatapp%2fapp.py",
        "..%5c..%5cchatapp%5capp.py",
        "css/../css/base.css/..",
        "%2fetc/passwd",
        "/etc/passwd",
        "css",
        "css/",
        "",
        "css/base.css%00.js",
        "missing.css",
        "__init__.py",
    ],
)
async def test_nothing_outside_the_folder_can_be_asked_for(client: Client, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(f"GET /static/{client.app[static.key].version}/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    async with asyncio.timeout(5):
        answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert answer.split()[1] in (b"404", b"400")


async def test_files_need_no_session_and_set_no_cookie(client: Client) -> None:
    response = await client.get(client.app[static.key].url("css/base.css"), headers={"Cookie": "chatapp=broken"})
    assert response.status == 200
    assert "Set-Cookie" not in response.headers


async def test_the_icon_is_found_by_those_who_do_not_read_the_page(client: Client) -> None:
    response = await client.get("/favicon.ico")
    assert response.status == 200
    assert response.content_type == "image/svg+xml"


def test_symbolic_links_and_hidden_files_are_left_out(folder: Path) -> None:
    files = Static(folder)
    for path in (
        ".hidden",
        "link.css",
        "away/secret.txt",
        "away/static/js/app.js",
        "../secret.txt",
        str(folder / "js" / "app.js"),
    ):
        with pytest.raises(NotFound):
            files.find(path)
    assert files.find("css/base.css").content_type == "text/css"


def test_the_version_changes_with_any_file_and_with_nothing_else(folder: Path) -> None:
    before = Static(folder).version
    assert Static(folder).version == before
    (folder / "js" / "app.js").write_text("go();\n")
    changed = Static(folder).version
    assert changed != before
    (folder / "LICENSE").rename(folder / "COPYING")
    assert Static(folder).version not in (before, changed)


def test_an_address_carries_the_version_and_the_base_path(folder: Path) -> None:
    files = Static(folder, "/chat")
    assert files.url("css/base.css") == f"/chat/static/{files.version}/css/base.css"
    with pytest.raises(KeyError, match=r"missing\.css"):
        files.url("missing.css")


def test_small_files_are_not_packed_and_packed_ones_unpack(folder: Path) -> None:
    files = Static(folder)
    assert not files.find("js/app.js").packed
    style = files.find("joined/style.css")
    assert style.packed.keys() == {"br", "gzip"}
    assert gzip.decompress(style.packed["gzip"]) == brotli.decompress(style.packed["br"]) == style.body
    assert all(len(packed) < len(style.body) for packed in style.packed.values())


def test_joined_files_are_served_beside_single_ones(folder: Path) -> None:
    (folder / "js" / "app.js").write_text('import { word } from "./lib/words.js";\n')
    (folder / "js" / "lib").mkdir()
    (folder / "js" / "lib" / "words.js").write_text("// Words.\nexport function word() {\n  return 1;\n}\n")
    files = Static(folder)
    assert b"function word() {\nreturn 1;\n}\n" in files.find("joined/app.js").body
    assert files.find("joined/app.js").body.endswith(b"//# sourceMappingURL=app.js.map\n")
    assert files.find("joined/app.js.map").content_type == "application/json"
    assert files.find("js/lib/words.js").body == b"\nexport function word() {\nreturn 1;\n}\n"
    assert files.find("joined/style.css").body.count(b"margin") == 100 * len(SHEETS)


async def test_a_single_script_loads_single_ones_and_a_joined_one_those_that_take_from_it(
    client: Client,
) -> None:
    single = await (await client.get("/static/0123456789ab/js/message/revision/editing.js")).text()
    joined = await (await client.get("/static/0123456789ab/joined/message/revision/editing.js")).text()
    assert 'from "../../lib/words.js"' in single
    assert "app.js" not in single
    assert 'from "../../lib/words.js"' not in joined
    assert 'from "../../app.js"' in joined

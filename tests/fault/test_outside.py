"""What the server says to the world and to its log while people use it: nothing, and nothing that is secret."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from chatapp.system import resources
from fault import strace
from fault.uploads import noise

PASSWORD, WRONG = f"a-password-{secrets.token_hex(8)}", f"a-wrong-one-{secrets.token_hex(8)}"
WORDS = (
    f"words {secrets.token_hex(8)} http://tracker.example/pixel.png http://169.254.169.254/ http://[::ffff:10.0.0.1]/"
)
FORGED = "a\n2026-01-01T00:00:00.000Z ERROR chatapp: forged"
ROOM = "/rooms/general/messages"
_ADDRESS = re.compile(r"(connect|sendto|sendmsg)\(.*?sa_family=(AF_INET6?), .*?\"([^\"]*)\"")
_FOREIGN = re.compile(
    r"""(?:src|href|action|srcset|poster|data)=["']?(?:https?:)?//|url\(["']?(?:https?:)?//|@import(?! "\./)"""
)


async def journey(server) -> tuple[list[str], str]:
    """Do what people do. Return the pages that were shown, and the cookie."""
    pages = []
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(server.url, headers={"Origin": server.url}, cookie_jar=jar) as browser:

        async def post(path: str, form: object, **headers: str) -> None:
            async with browser.post(path, data=form, headers=headers) as answer:
                pages.append(await answer.text())

        async def get(path: str) -> None:
            async with browser.get(path) as answer:
                pages.append(await answer.text())

        await get("/")
        await post("/register", {"username": "Bình", "password": PASSWORD})
        await post("/logout", {})
        await post("/register", {"username": "An", "password": PASSWORD})
        await post("/login", {"username": FORGED, "password": WRONG}, **{"User-Agent": "a spy level=ERROR"})
        await post("/logout", {})
        await post("/login", {"username": "An", "password": WRONG})
        await post("/login", {"username": "An", "password": PASSWORD})
        cookie = next(each.value for each in jar if each.key == "chatapp")
        form = aiohttp.FormData({"content": WORDS, "key": "a-key-of-a-message-1"})
        form.add_field("pictures", noise(60), filename=f"{WORDS}.png")
        await post(ROOM, form)
        await post("/direct/B%C3%ACnh/messages", {"content": WORDS})
        await post(ROOM, {"content": WORDS * 100})
        await post("/settings", {"language": "vi", "theme": "dark"})
        async with browser.ws_connect("/ws?room=general&epoch=x") as socket:
            for frame in ({"type": "message", "content": WORDS, "key": "a-key-of-a-message-2"}, {"type": WORDS}):
                await socket.send_json(frame)
            await socket.send_json({"type": "beat"})
            while await socket.receive_str(timeout=10) != '{"type":"beat"}':
                pass
        for path in (
            "/rooms",
            "/people",
            "/rooms/general",
            "/direct/B%C3%ACnh",
            "/settings",
            "/no%0Aforged%1b[0m",
        ):
            await get(path)
        await post("/logout", {})
    return pages, cookie


def traced(trace: Path) -> tuple[str, ...]:
    """Return the command that writes down to whom a program and its children connect or send."""
    return ("strace", "-f", "-o", str(trace), "-e", "trace=connect,sendto,sendmsg", "-s", "0")


def outside(trace: Path) -> list[str]:
    """Return the addresses in a trace that are not of this computer."""
    addresses = [each[2] for each in _ADDRESS.findall(trace.read_text(errors="replace"))]
    return [each for each in addresses if not each.startswith(("127.", "::1"))]


@strace.needed
async def test_the_server_connects_to_nobody_whatever_people_do(start, tmp_path: Path):
    server = await start(prefix=traced(tmp_path / "trace"))
    await journey(server)
    await server.stop()
    assert outside(tmp_path / "trace") == []
    assert "htons(53)" not in (tmp_path / "trace").read_text(errors="replace"), "a name server was asked"
    assert not server.trouble


@strace.needed
@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_the_trace_shows_a_program_that_does_connect(tmp_path: Path, address: str):
    family = "AF_INET6" if ":" in address else "AF_INET"
    code = f"import socket as s; s.socket(s.{family}, s.SOCK_DGRAM).connect_ex(('{address}', 9))"
    subprocess.run([*traced(tmp_path / "trace"), sys.executable, "-c", code], check=True)
    assert outside(tmp_path / "trace") == [address]


async def test_no_page_and_no_style_names_another_host(start):
    server = await start()
    pages, _ = await journey(server)
    for page in pages:
        own = page.replace("http://tracker.example", "").replace("http://169.254.169.254", "")
        own = own.replace("http://[::ffff:10.0.0.1]", "")
        assert not _FOREIGN.search(own), _FOREIGN.search(own)
    for path in resources.folder("static").rglob("*.css"):
        assert not _FOREIGN.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_the_log_holds_no_secret_and_no_line_that_somebody_made_up(start, log_format):
    server = await start(environment={"CHATAPP_LOG_FORMAT": log_format})
    _, cookie = await journey(server)
    await server.stop()
    log = server.log
    for secret in (PASSWORD, WRONG, *WORDS.split()[1:], cookie, cookie[-40:], "a-key-of-a-message", "$argon2", "\x1b"):
        assert secret not in log, secret
    events = [line for line in log.splitlines() if "chatapp." in line]
    assert "forged" not in "".join(line for line in events if "path" not in line)
    assert not any(line.startswith("2026-01-01") for line in log.splitlines())
    for event in ("registered", "logged in", "log-in failed", "logged out"):
        [line, *_] = [line for line in events if event in line]
        fields = json.loads(line) if log_format == "json" else dict(re.findall(r"(\w+)=(\S+)", line))
        assert fields["address"] == "127.0.0.1"
        assert re.fullmatch("[0-9a-f]{12}", fields["request"]), "the number that an error page shows"
    if log_format == "json":
        assert all(json.loads(line)["ts"] for line in events)

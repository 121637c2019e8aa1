"""Take the README's pictures from the running product: ``python tests/screenshots/take.py``.

A server starts on a new database, people register and talk, and a browser looks over the shoulder of one of them.
CHATAPP_TEST_BROWSER names the Chromium to use, as in the tests; without it the one on the PATH is taken.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BytesIO
from math import sin
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]

PASSWORD = "ba con vịt xoè ra hai cái cánh"
SERVER_NAME = "Sân Đình"
ME = "Minh Anh"
BYTES_LIMIT = 200_000  # of one picture: a README should open on a slow line too
GENEROUS = {"CHATAPP_REGISTRATIONS": "0", "CHATAPP_MESSAGES_PER_SECOND": "0", "CHATAPP_PASSWORD_COST": "cheapest"}


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said: by whom, where, and how many minutes before the picture is taken."""

    ago: int
    author: str
    text: str
    place: str = "/rooms/general"
    picture: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """A window through which a picture is taken. The scale is in pixels of the picture per pixel of the page."""

    name: str
    width: int
    height: int
    scheme: str
    locale: str
    scale: int = 1


TALK = [
    Line(58, "Trần Bình", "Cuối tuần này ai đi leo núi nào? 🏔️"),
    Line(57, "Sam Carter", "Count me in! Which mountain?"),
    Line(56, "Lan Chi", "Em đi với! Em lo bánh mì 🥖"),
    Line(53, "Trần Bình", "**Mẫu Sơn**, 6 giờ sáng, năm ngoái", picture=True),
    Line(49, "Đỗ Thị Ánh", "Đẹp quá! 😍 Mình mang bếp ga mini"),
    Line(48, "Đỗ Thị Ánh", "Nhớ áo ấm, trên đỉnh chỉ _8 độ_ thôi"),
    Line(36, "Sam Carter", "> chỉ 8 độ\nPacked! Two seats left in my car."),
    Line(9, ME, "12 người rồi, 5 giờ sáng gặp nhau nhé 📷"),
]
ELSEWHERE = [
    Line(34, "Lan Chi", "Ai biết vì sao `git push` bị từ chối?", "/rooms/tech"),
    Line(33, "Sam Carter", "Pull first, then push.", "/rooms/tech"),
    Line(30, "Lan Chi", "Được rồi, cảm ơn Sam!", "/rooms/tech"),
    Line(20, "Đỗ Thị Ánh", "Cờ vua tối nay không?", "/rooms/game"),
    Line(16, ME, "Chị ơi, cho em mượn cái lều nhé", "/direct/Đỗ Thị Ánh"),
    Line(15, "Đỗ Thị Ánh", "Ừ, chiều qua lấy nhé", f"/direct/{ME}"),
    Line(7, "Trần Bình", "Nhớ mang theo ống kính rộng nha", f"/direct/{ME}"),
]
CAST = sorted({line.author for line in TALK})
VIEWS = [
    View("general-1280-light", 1280, 800, "light", "en-GB"),
    View("general-1280-dark", 1280, 800, "dark", "en-GB"),
    View("general-360-light-vi", 360, 760, "light", "vi-VN", scale=2),
]


def landscape() -> bytes:
    """Draw mountains at sunrise, so that the picture in the pictures is nobody's."""
    width, height = 1200, 640
    sky = Image.linear_gradient("L").resize((width, height))
    canvas = Image.composite(Image.new("RGB", sky.size, "#ffd9a0"), Image.new("RGB", sky.size, "#7fb2cf"), sky)
    glow = Image.new("L", sky.size)
    ImageDraw.Draw(glow).ellipse((740, 150, 900, 310), fill=255)
    for blur in (60, 2):
        canvas.paste("#fff4d6", mask=glow.filter(ImageFilter.GaussianBlur(blur)))
    draw = ImageDraw.Draw(canvas)
    for row, colour in enumerate(("#a9b9bd", "#7c9aa0", "#4f7d80", "#2a5f5f", "#123f3e")):
        base, wave = 300 + 70 * row, 46 - 5 * row
        ridge = [
            (x, base + wave * sin(x / 97 + row * 2.1) + wave / 2 * sin(x / 41 + row * 5) + wave / 4 * sin(x / 13 + row))
            for x in range(0, width + 4, 4)
        ]
        draw.polygon([*ridge, (width, height), (0, height)], fill=colour)
    out = BytesIO()
    canvas.save(out, "JPEG", quality=92)
    return out.getvalue()


@contextmanager
def serving(database: Path) -> Iterator[str]:
    """Run the real server on a database and give its address."""
    command = [sys.executable, "-m", "chatapp", "--host", "127.0.0.1", "--port", "0", "--name", SERVER_NAME]
    environ = os.environ | GENEROUS | {"PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(
        [*command, "--database", str(database)],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as server:
        assert server.stdout is not None
        found = next(filter(None, (re.search(r"http://localhost:(\d+)", line) for line in server.stdout)), None)
        if found is None:
            raise SystemExit("The server did not start.")
        try:
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=20)


def send(browser: BrowserContext, url: str, path: str, **body: Any) -> Any:
    """Send a form of the chat's pages as a person and return the answer."""
    headers = {"Origin": url, "Accept": "application/json"}
    answer = browser.request.post(url + quote(path), headers=headers, **body)
    assert answer.ok, f"{path}: {answer.status} {answer.text()}"
    return answer


def register(browser: Browser, url: str) -> dict[str, BrowserContext]:
    """Give everybody of the cast an account and a browser."""
    people = {name: browser.new_context(locale="vi-VN") for name in CAST}
    for name, person in people.items():
        send(person, url, "/register", form={"username": name, "password": PASSWORD})
    return people


def talk(people: dict[str, BrowserContext], url: str) -> dict[int, int]:
    """Let everybody say their lines; return how many minutes old each message is to be."""
    ages = {}
    for line in sorted(TALK + ELSEWHERE, key=lambda line: -line.ago):
        body: dict[str, Any] = {"content": line.text}
        if line.picture:
            body["pictures"] = {"name": "mau-son.jpg", "mimeType": "image/jpeg", "buffer": landscape()}
        answer = send(people[line.author], url, f"{line.place}/messages", multipart=body)
        ages[answer.json()["id"]] = line.ago
    return ages


def grow_old(database: Path, ages: dict[int, int]) -> None:
    """Spread the messages over the last hour, as people would have written them."""
    moments = [(f"-{ago} minutes", number) for number, ago in ages.items()]
    with closing(sqlite3.connect(database)) as db, db:
        for table in ("messages", "private_messages"):
            db.executemany(
                f"UPDATE {table} SET created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?) WHERE id = ?",  # noqa: S608
                moments,
            )


def enter(person: BrowserContext, address: str, online: int) -> Page:
    """Open a conversation and wait until it is live and its pictures are there."""
    page = person.new_page()
    page.goto(address)
    expect(page.locator("#people .av.on")).to_have_count(online)
    page.locator("#messages img").evaluate_all("images => Promise.all(images.map((image) => image.decode()))")
    return page


def read(page: Page) -> None:
    """Read a conversation to its end, so that every picture begins from there."""
    page.locator("#scroller").evaluate("box => { box.scrollTop = 0 }")
    expect(page.locator("[aria-current] .badge")).to_be_hidden()


def look(browser: Browser, view: View, state: Any, address: str) -> None:
    """Take the picture of a view."""
    with browser.new_context(
        storage_state=state,
        viewport={"width": view.width, "height": view.height},
        device_scale_factor=view.scale,
        color_scheme=view.scheme,  # type: ignore[arg-type]
        locale=view.locale,
        timezone_id="Asia/Ho_Chi_Minh",
    ) as context:
        page = enter(context, address, len(CAST))
        shot = page.screenshot(animations="disabled", caret="hide")
    path = FOLDER / f"{view.name}.png"
    with Image.open(BytesIO(shot)) as picture:
        picture.convert("RGB").save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}  {size / 1000:.0f} kB")
    assert size <= BYTES_LIMIT, "too large for a README"


def main() -> None:
    """Set the scene, then take every picture."""
    chromium = os.environ.get("CHATAPP_TEST_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        database = Path(folder) / "chat.db"
        browser = playwright.chromium.launch(executable_path=chromium)
        with serving(database) as url:
            people = register(browser, url)
            ages = talk(people, url)
        grow_old(database, ages)
        with serving(database) as url:
            address = f"{url}/rooms/general"
            others = [name for name in CAST if name != ME]
            for count, name in enumerate(others, 1):
                enter(people[name], address, count)
            read(enter(people[ME], address, len(CAST)))
            state = people[ME].storage_state()
            people[ME].close()
            for view in VIEWS:
                look(browser, view, state, address)
        browser.close()


if __name__ == "__main__":
    main()

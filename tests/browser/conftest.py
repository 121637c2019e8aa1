"""What the browser tests share: one Chromium, a real server for each module, and people who sit before a page.

Every test fails when one of its pages reports trouble: a script error, an error on the console, a violation of the
content policy, or a request to anybody but the server under test. After a failure every open page leaves a picture
in tests/artifacts/.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from browser.person import PATIENCE, Person
from fault.server import Server

ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
UNLIMITED = {"CHATAPP_UPLOADS_PER_MINUTE": "0"}  # beside the limits that every server of faults goes without
ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP chat.lan 127.0.0.1",  # a plain-HTTP name that is not localhost, as in a school
]


class Meet(Protocol):
    """Bring somebody with a new account and a browser of their own: ``an = await meet("An")``."""

    async def __call__(self, name: str, **options: Any) -> Person: ...


def pytest_configure() -> None:
    expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def executable() -> str:
    """Return the path of a Chromium. Without one there is nothing to test here, which a CI run must not overlook."""
    chosen = os.environ.get("CHATAPP_TEST_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if chosen:
        return chosen
    reason = "NO CHROMIUM WAS FOUND: install one, or name one in CHATAPP_TEST_BROWSER"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(executable: str) -> AsyncIterator[Browser]:
    """Run one browser for the whole session."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable,
            args=ARGUMENTS,
            ignore_default_args=["--disable-back-forward-cache"],  # people's browsers have it
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Run the real server for a module; tests may stop, kill and start it."""
    async with Server(tmp_path_factory.mktemp("server"), environment=UNLIMITED) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def meet(chromium: Browser, server: Server, request: pytest.FixtureRequest) -> AsyncIterator[Meet]:
    """Bring people; at the end none of their pages may have reported trouble, nor the server."""
    people: list[Person] = []
    known = len(server.trouble)

    async def meet(name: str, *, registered: bool = True, **options: Any) -> Person:
        someone = await Person.come(chromium, server.url, name, **options)
        people.append(someone)
        if registered:
            await someone.get_account()
        return someone

    yield meet
    failed = getattr(request.node, "failed", False)
    if failed:
        await _photograph(people, request.node.name)
    trouble = [line for person in people for line in person.trouble]
    for person in people:
        await person.leave()
    trouble += server.trouble[known:]
    assert failed or not trouble, "\n".join(trouble)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.when == "call":
        item.failed = report.failed  # type: ignore[attr-defined]
    return report


async def _photograph(people: list[Person], name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    stem = re.sub(r"\W+", "-", name)
    pages = [page for person in people for page in person.context.pages]
    for number, page in enumerate(pages, 1):
        try:
            await page.screenshot(path=ARTIFACTS / f"{stem}-{number}.png", timeout=3_000)
        except Exception as error:
            print(f"no picture of page {number}: {error}")

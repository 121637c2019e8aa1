"""One window of a real browser, driven the same way whichever engine it has.

Firefox is driven by Marionette, Mozilla's own client, which needs no driver program beside the browser; WebKit by
Selenium and the driver that comes with WebKitGTK.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from marionette_driver.marionette import Marionette
from selenium import webdriver
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

from fault.server import free_port

PATIENCE = 30.0  # seconds until a condition that does not come true is a failure
_PAUSE = 0.05  # seconds between two looks

ENTER, ARROW_UP, END = "\ue007", "\ue013", "\ue010"  # keys as the WebDriver standard numbers them


class Window:
    """What a person does with a page. Methods block; run them in a thread."""

    def __init__(self, driver: Any, url: str) -> None:
        self._driver = driver
        self._url = url
        self._ends: list[Callable[[], None]] = []
        self._get = driver.navigate if isinstance(driver, Marionette) else driver.get

    @classmethod
    def firefox(cls, url: str, program: str) -> Window:
        """Start a Firefox with a profile of its own."""
        port, profile = free_port(), Path(tempfile.mkdtemp(prefix="firefox-"))
        prefs = {"marionette.port": port, "intl.accept_languages": "en-GB, en", "datareporting.policy.firstRunURL": ""}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in prefs.items()]
        (profile / "user.js").write_text("\n".join(lines))
        command = [program, "--headless", "--no-remote", "--marionette", "--profile", str(profile)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _wait_for(port, process)
        driver = Marionette(host="127.0.0.1", port=port)
        driver.start_session()
        window = cls(driver, url)
        window._ends = [lambda: _end(process), lambda: shutil.rmtree(profile, ignore_errors=True)]
        return window

    @classmethod
    def webkit(cls, url: str, program: str) -> Window:
        """Start a WebKitGTK browser; it needs a display."""
        return cls(webdriver.WebKitGTK(options=Options(), service=Service(program)), url)

    def close(self) -> None:
        """End the browser."""
        if isinstance(self._driver, Marionette):
            self._driver.delete_session()
        else:
            self._driver.quit()
        for end in self._ends:
            end()

    def go(self, path: str) -> None:
        """Open a page of the server."""
        self._get(self._url + path)

    def type(self, place: str, keys: str) -> None:
        """Press keys in a field."""
        self.sees(place)
        self._driver.find_element("css selector", place).send_keys(keys)

    def choose(self, place: str, file: Path) -> None:
        """Choose a file in a field, which may be hidden behind its label."""
        self._driver.find_element("css selector", place).send_keys(str(file))

    def click(self, place: str) -> None:
        """Click an element once it is there."""
        self.sees(place)
        self._driver.find_element("css selector", place).click()

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a function body returns in the page."""
        if isinstance(self._driver, Marionette):
            return self._driver.execute_script(script, arguments)
        return self._driver.execute_script(script, *arguments)

    def sees(self, place: str, text: str = "") -> None:
        """Wait until the last element of a kind is shown and says something."""
        self.until(
            "const found = [...document.querySelectorAll(arguments[0])].at(-1);"
            "return Boolean(found?.getClientRects().length && found.textContent.includes(arguments[1]))",
            place,
            text,
        )

    def until(self, script: str, *arguments: Any) -> None:
        """Wait until a function body returns something true in the page."""
        deadline = time.monotonic() + PATIENCE
        while not self._holds(script, arguments):
            assert time.monotonic() < deadline, f"never true: {script} {arguments}\n{self.run('return location.href')}"
            time.sleep(_PAUSE)

    def _holds(self, script: str, arguments: tuple[Any, ...]) -> bool:
        try:
            return bool(self.run(script, *arguments))
        except Exception as error:  # the page went away between two looks; each client has a name of its own for it
            if "Unload" in str(error) or "unload" in str(error) or "navigat" in str(error) or "context" in str(error):
                return False
            raise


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 2 * PATIENCE
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "the browser ended at its start"
        assert time.monotonic() < deadline, "the browser did not start"
        time.sleep(_PAUSE)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(PATIENCE)

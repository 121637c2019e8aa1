"""Somebody before an open page, in a real Chromium, and what the page makes them wait for."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from measure import Server

try:
    from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
except ImportError:
    sys.exit("This bench drives a browser by playwright, which is not here: pip install -e '.[bench]'.")

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run"]

# Runs in every page before its own scripts. A thing counts as seen when the frame that shows it has been drawn: the
# first task after the callbacks of that frame.
_EYES = """(() => {
  const drawn = (tell) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => tell(performance.now())
    port2.postMessage(0)
  })
  let tasks = [], gap = 0, frame = 0, running = false
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ type: 'longtask' })
  const count = (now) => {
    gap = Math.max(gap, frame && now - frame)
    frame = now
    if (running) requestAnimationFrame(count)
  }
  window.eyes = {
    // From the next event of a type to the frame in which a condition holds, in milliseconds.
    wait(type, isSeen) {
      let began
      addEventListener(type, ({ timeStamp }) => (began = timeStamp), { capture: true, once: true })
      eyes.waited = new Promise((tell) => {
        const look = () => {
          if (began === undefined || !isSeen()) return
          observer.disconnect()
          removeEventListener('input', look)
          drawn((now) => tell(now - began))
        }
        const observer = new MutationObserver(look)
        observer.observe(document, { subtree: true, childList: true })
        addEventListener('input', look)
      })
    },
    begin() {
      [tasks, gap, frame, running] = [[], 0, 0, true]
      requestAnimationFrame(count)
    },
    end() {
      running = false
      return { tasks, gap }
    },
    marks: () => document.getElementById('messages').textContent.match(/(?<=mark-)\\d{9}/g)?.map(Number) ?? [],
    count: () => document.querySelectorAll('#messages .msg').length,
  }
})()"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser."""
    chosen = os.environ.get("CHATAPP_TEST_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if not chosen:
        sys.exit("No Chromium was found: install one, or name one in CHATAPP_TEST_BROWSER.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chosen, args=ARGUMENTS)
        yield browser
        browser.close()


class Reader:
    """A page and the person before it; on a machine whose CPU is ``slower`` by a factor."""

    def __init__(self, browser: Browser, server: Server, cookie: str, slower: int = 1) -> None:
        self._server = server
        self._context = browser.new_context(base_url=server.origin, viewport={"width": 1280, "height": 800})
        name, _, value = cookie.partition("=")
        self._context.add_cookies([{"name": name, "value": value, "url": server.origin}])
        self._context.add_init_script(_EYES)
        self.page: Page = self._context.new_page()
        self._tools: CDPSession = self._context.new_cdp_session(self.page)
        self._tools.send("Performance.enable")
        self._tools.send("Emulation.setCPUThrottlingRate", {"rate": slower})

    def leave(self) -> None:
        """Close the window."""
        self._context.close()

    def open(self, path: str) -> None:
        """Open a conversation and wait until the page follows it."""
        self.page.goto(path)
        self.page.locator("#people [data-told]").first.wait_for(state="attached")

    def press(self, key: str, seen: str = "() => true") -> float:
        """Press a key. Return the milliseconds until the frame in which the condition, a JavaScript function, holds."""
        self.page.evaluate(f"eyes.wait('keydown', {seen})")
        self.page.keyboard.press(key)
        return float(self.page.evaluate("eyes.waited"))

    def click(self, selector: str, seen: str) -> float:
        """Click on something; the same."""
        self.page.evaluate(f"eyes.wait('click', {seen})")
        self.page.locator(selector).click()
        return float(self.page.evaluate("eyes.waited"))

    def scroll_up(self, pixels: int) -> None:
        """Read further up."""
        self.page.evaluate("(by) => { document.getElementById('scroller').scrollTop -= by }", pixels)

    def begin(self) -> None:
        """Start to watch for long tasks and late frames."""
        self.page.evaluate("eyes.begin()")

    def end(self) -> tuple[list[float], float]:
        """Return the milliseconds of each task over 50, and the longest time between two frames, since ``begin``."""
        found = self.page.evaluate("eyes.end()")
        return found["tasks"], found["gap"]

    def marks(self) -> list[int]:
        """Return the numbers of the messages in the page, from top to bottom."""
        return list(self.page.evaluate("eyes.marks()"))

    def count(self) -> int:
        """Return how many messages the page holds."""
        return int(self.page.evaluate("eyes.count()"))

    def weight(self) -> tuple[float, int]:
        """Return the megabytes of living objects, and how many nodes are kept, in the page or not."""
        for _ in range(2):  # what the first round lets go of can free more
            self._tools.send("HeapProfiler.collectGarbage")
        metrics = self._metrics()
        return metrics["JSHeapUsedSize"] / 1e6, int(metrics["Nodes"])

    def busy(self) -> float:
        """Return the seconds that the page has spent on tasks so far."""
        return self._metrics()["TaskDuration"]

    def _metrics(self) -> dict[str, float]:
        answer = self._tools.send("Performance.getMetrics")
        return {metric["name"]: metric["value"] for metric in answer["metrics"]}

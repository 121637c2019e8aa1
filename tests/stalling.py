"""How long a server was held: measured from outside, by asking it how it is all the time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

_PAUSE = 0.004  # seconds between two questions
_ASK = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def processor_time(pid: int) -> float:
    """Return the seconds that all threads of a process have computed (the clock of clock_getcpuclockid)."""
    return time.clock_gettime((~pid) << 3 | 2)


@dataclass
class Watch:
    """Ask /healthz over and over on a connection of its own."""

    port: int
    pid: int
    _answers: list[tuple[float, float, float]] = field(default_factory=list)  # asked, answered, computed meanwhile
    _over: bool = False

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self._over = True
        self._thread.join()

    def held(self, what: Callable[[], object]) -> float:
        """Return for how many seconds the server answered nobody while it did something.

        Not longer than it computed: what the machine gives to other programs is not the server's fault.
        """
        began = time.monotonic()
        what()
        ended = time.monotonic()
        while not self._answers or self._answers[-1][0] < ended:
            assert self._thread.is_alive(), "the server does not answer any more"
            time.sleep(_PAUSE)
        answers, self._answers = self._answers, self._answers[-1:]
        return max(min(answered - asked, computed) for asked, answered, computed in answers if answered >= began)

    def _ask(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            while not self._over:
                asked, computed = time.monotonic(), processor_time(self.pid)
                connection.sendall(_ASK)
                answer = b""
                while b'"ok"' not in answer:
                    chunk = connection.recv(4096)
                    assert chunk, "the server closed a connection that behaved"
                    answer += chunk
                self._answers.append((asked, time.monotonic(), processor_time(self.pid) - computed))
                time.sleep(_PAUSE)

"""Send as many frames as a server takes, and more: ``python -m fault.flooder PORT COOKIE KIND SOCKETS SECONDS``.

A process of its own, as it would be on a machine of its own. It reads what it is answered, and comes back when it is
cut. At the end it prints how many bytes were taken, how many connections it made and with which codes they ended.
"""

from __future__ import annotations

import json
import random
import selectors
import socket
import sys
import time
from collections import Counter
from contextlib import suppress

from rawsocket import CONTINUATION, FIN, PING, PONG, TEXT, handshake, masked, said

_BLOB = 128 * 1024  # bytes of frames that are always ready to be sent
_ROOMS = ("general", "tech", "game")
KINDS = {
    "beat": [said("beat")],
    "read": [said("read", id=number) for number in range(1, 200)],
    "typing": [said("typing")],
    "ping": [masked(FIN | PING)],
    "pong": [masked(FIN | PONG)],
    "empty fragments": [masked(CONTINUATION)],
    "join": [said("join", room=room, since=0, epoch="x") for room in _ROOMS],
    "unknown type": [said("shout")],
    "invalid JSON": [masked(FIN | TEXT, b"nonsense")],
    "long text": [masked(FIN | TEXT, b'{"type":"beat","x":[' + b"1," * 30_000 + b"1]}")],
}
FIRST = {"empty fragments": masked(TEXT)}

# As large as only the original program's client may send them, in a picture.
_LARGE = 13 * 2**20
_OPENING = b'{"type":"image","content":"data:image/png;base64,'
LARGE = {
    "picture": _OPENING + b"A" * (_LARGE - len(_OPENING) - 2) + b'"}',
    "digits": b'{"type":"beat","x":[' + b"1," * (_LARGE // 2 - 12) + b"1]}",
}


class Flood:
    """One socket after the other, as long as it is wanted."""

    def __init__(self, port: int, cookie: str, kind: str) -> None:
        self._address = ("127.0.0.1", port)
        how, _, large = kind.partition(" ")
        is_large = large in LARGE
        query = "" if is_large else "room=general&epoch=x"
        self._hello = handshake(f"http://127.0.0.1:{port}", f"/ws?{query}", cookie)
        frames = [masked(FIN | TEXT, LARGE[large])] if is_large else KINDS[kind]
        size = sum(map(len, frames))
        self._blob = memoryview(b"".join(frames) * (_BLOB // size + 1))
        self._first = FIRST.get(kind, b"")
        self._is_half = is_large and how == "half"
        if self._is_half:
            self._blob = self._blob[:-1000]
        self.taken = self.made = 0
        self.ends: Counter[str] = Counter()

    def open(self, selector: selectors.BaseSelector) -> None:
        """Open a socket and begin."""
        connection = socket.create_connection(self._address)
        connection.sendall(self._hello)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1) or b"\r\n\r\n"
        connection.sendall(self._first)
        connection.setblocking(False)
        self.made += 1
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE, [self._blob, b""])

    def work(self, selector: selectors.BaseSelector, key: selectors.SelectorKey, events: int) -> None:
        """Send and receive what goes without waiting."""
        connection, state = key.fileobj, key.data
        assert isinstance(connection, socket.socket)
        try:
            if events & selectors.EVENT_READ:
                heard = connection.recv(65_536)
                state[1] = heard or state[1]
                if not heard:
                    raise ConnectionResetError
            if events & selectors.EVENT_WRITE:
                sent = connection.send(state[0])
                self.taken += sent
                state[0] = state[0][sent:] or self._blob
                if self._is_half and state[0] is self._blob:  # that was all, and it waits
                    selector.modify(connection, selectors.EVENT_READ, state)
        except BlockingIOError:
            pass
        except OSError:
            self.ends[_code(state[1])] += 1
            selector.unregister(connection)
            connection.close()
            self.open(selector)


def _code(last: bytes) -> str:
    """Return the code of a close frame at the end of what was heard."""
    at = last.rfind(b"\x88")
    return str(int.from_bytes(last[at + 2 : at + 4], "big")) if 0 <= at <= len(last) - 4 else "none"


def main() -> None:
    """Flood."""
    port, cookie, kind, sockets, seconds = sys.argv[1:]
    flood, end = Flood(int(port), cookie, kind), time.monotonic() + float(seconds)
    with selectors.DefaultSelector() as selector:
        for _ in range(int(sockets)):
            flood.open(selector)
        while time.monotonic() < end:
            ready = selector.select(0.1)
            random.shuffle(ready)
            for key, events in ready:
                with suppress(ConnectionError):  # the server is too busy to let it in
                    flood.work(selector, key, events)
    print(json.dumps({"bytes": flood.taken, "made": flood.made, "ends": flood.ends}))


if __name__ == "__main__":
    main()

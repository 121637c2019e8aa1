"""One room on socketify, which is uWebSockets, a server in C++, under Python: what anybody says goes to everybody.

python room.py HOST PORT
"""

from __future__ import annotations

import sys
from typing import Any

from socketify import App, AppListenOptions, CompressOptions

_ROOM = "room"

app = App()


def come(member: Any) -> None:
    """Take somebody in."""
    member.subscribe(_ROOM)


def say(member: Any, said: str | bytes, opcode: int) -> None:
    """Send on what was said, as it came."""
    app.publish(_ROOM, said, opcode)


behaviour = {"compression": CompressOptions.DISABLED, "max_backpressure": 2**24, "open": come, "message": say}
app.ws("/ws", behaviour)
app.listen(AppListenOptions(port=int(sys.argv[2]), host=sys.argv[1]), lambda options: None)
app.run()

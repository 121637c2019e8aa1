"""chatapp, but each frame is written to its room at once and by itself.

This is what gathering the frames of a tick is compared with.

    python tests/bench/at_once.py --host HOST --port PORT --database DATABASE
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from chatapp.cli import main
from chatapp.delivery.hub import Hub


def _at_once(hub: Hub) -> None:
    hub._flush()


if __name__ == "__main__":
    assert callable(Hub._schedule), "this is what gathers"
    Hub._schedule = _at_once  # type: ignore[assignment, method-assign]
    sys.exit(main())

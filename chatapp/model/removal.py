"""The undo window of a removal: how long a page offers it, how long the server takes it, when the words are erased."""

from __future__ import annotations

UNDO_OFFERED = 10  # seconds after a removal; long enough to notice a slip, short enough for a line that goes again
UNDO_ACCEPTED = UNDO_OFFERED + 5  # seconds; a press at the last moment still has to travel
# Seconds after a removal until nothing can bring the words back: an undo that was accepted at the last moment is saved
# or given up within 35, and 10 more are to spare.
ERASED_AFTER = UNDO_ACCEPTED + 35 + 10

"""Run every fault at its full figures and print one table: ``python tests/fault/run_all.py [PYTEST OPTIONS]``.

It takes about two hours, one of them for a day of a team. As root with strace, faketime, nginx and caddy installed
nothing is skipped; what is skipped says why.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FULL = {
    "CYCLES": 200,  # kill -9
    "STOPS": 50,
    "FROZEN_SECONDS": 60,
    "CUTS": 2500,
    "BASELINE_SECONDS": 10,
    "LOCKED_SECONDS": 10,
    "HELD_SECONDS": 30,  # a lock that lasts half as long again as this
    "FULL_SECONDS": 10,
    "FAILING_SECONDS": 5,
    "FAILING_ROUNDS": 20,
    "CHANGED_CYCLES": 100,
    "CHANGED_CUTS": 1000,
    "CHANGED_LOCKED_SECONDS": 10,
    "CHANGED_HELD_SECONDS": 30,
    "CHANGED_FULL_SECONDS": 10,
    "CHANGED_FAILING_SECONDS": 5,
    "CHANGED_STOPS": 20,
    "FRAMES": 20_000,
    "FLOOD_SECONDS": 20,
    "FLOOD_LATE_MS": 100,
    "VANISHED": 50,
    "VANISHED_BEAT_MS": 20_000,
    "NETWORK_ROUNDS": 200,
    "PROXY_ROUNDS": 5,
    "IDLE_BEAT_MS": 20_000,
    "IDLE_SECONDS": 75,
    "IDLE_TIMEOUT": 60,
    "GUESSES": 10_000,
    "TIMED_TRIES": 400,
    "PIECES": 400_000,
    "RETURNING": 500,
    "REFUSED_UPLOADS": 50,
    "SPOILED_ROUNDS": 5,
    "HANGING_PICTURES": 3,
    "READ_ONLY_SECONDS": 10,
    "BACKUPS": 10,
    "BACKUP_MB": 500,
    "RESTORE_KILLS": 50,
    "RESTORES": 5,
    "UPGRADE_KILLS": 60,
    "SOAK_SECONDS": 3600,
    "TRACED_SENDS": 200,
    "NAIVE_CYCLES": 20,
    "MUTANT_RECONNECTS": 300,
}


def main() -> int:
    """Run pytest on this folder. Return its status."""
    figures = {f"CHATAPP_TEST_{name}": str(value) for name, value in FULL.items()}
    folder = Path(__file__).resolve().parent
    command = [sys.executable, "-m", "pytest", "-v", "-s", "-rs", "--durations=0", *sys.argv[1:], str(folder)]
    return subprocess.run(command, cwd=folder.parents[1], env=figures | os.environ, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())

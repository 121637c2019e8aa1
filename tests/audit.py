"""Ask whether what CI installs is known to be vulnerable, where the lists of advisories can be reached.

    python -m venv ~/auditor && ~/auditor/bin/pip install pip-audit && ~/auditor/bin/python tests/audit.py

pip-audit says that it found nothing also when it could look nothing up. So this counts: a package without an answer is
a failure.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"


def pinned(text: str) -> dict[str, str]:
    """Return the versions of a file of constraints, by normalised name."""
    rows = [line.split("==") for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {normalised(name): version for name, version in rows}


def normalised(name: str) -> str:
    """Return the one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def complaints(report: Any, wanted: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong: a known vulnerability, or a package that was not looked up."""
    found = {normalised(each["name"]): each for each in report.get("dependencies", [])}
    for name, version in wanted.items():
        each = found.get(name, {})
        if each.get("version") != version or "vulns" not in each:
            yield f"{name} {version} was not looked up: {each.get('skip_reason', 'the report does not name it')}"
        for flaw in each.get("vulns", []):
            fixed = ", ".join(flaw.get("fix_versions", [])) or "no version yet"
            yield f"{name} {version} has {flaw['id']}; fixed in: {fixed}"


def main() -> int:
    """Print every complaint. Return 0 if there is none, 1 if there is one, 2 if nothing could be asked."""
    options = ["--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip", "--format", "json"]
    done = subprocess.run([sys.executable, "-m", "pip_audit", *options], capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        sys.stderr.write(f"{done.stderr.strip()}\naudit: no report; nothing is known about any package\n")
        return 2
    wanted = pinned(CONSTRAINTS.read_text(encoding="utf-8"))
    found = list(complaints(report, wanted))
    sys.stdout.write("".join(f"{line}\n" for line in found) or f"{len(wanted)} packages, no known vulnerability\n")
    return int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main())

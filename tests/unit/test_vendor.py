"""What others wrote and we carry is exactly what they released."""

from __future__ import annotations

import hashlib
from pathlib import Path

HTMX = Path(__file__).parents[2] / "static" / "vendor" / "htmx"


def facts() -> dict[str, str]:
    lines = (HTMX / "VENDOR.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line)


def test_htmx_is_the_file_whose_hash_is_written_beside_it() -> None:
    assert hashlib.sha256((HTMX / "htmx.min.js").read_bytes()).hexdigest() == facts()["sha256"]


def test_htmx_names_its_version_and_comes_with_its_licence() -> None:
    assert facts()["version"] in (HTMX / "htmx.min.js").read_text(encoding="utf-8")
    assert (HTMX / "LICENSE").read_text(encoding="utf-8").strip()

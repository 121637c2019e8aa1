"""What others wrote and we carry is exactly what they released."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from chatapp import resources
from chatapp.web.static import Static

ON_DEMAND = {"changes.js", "editing.js", "lightbox.js", "removal.js", "toolbar.js"}
HTMX = Path(__file__).parents[2] / "static" / "vendor" / "htmx"


def facts() -> dict[str, str]:
    lines = (HTMX / "VENDOR.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line)


def test_htmx_is_the_file_whose_hash_is_written_beside_it() -> None:
    assert hashlib.sha256((HTMX / "htmx.min.js").read_bytes()).hexdigest() == facts()["sha256"]


def test_htmx_names_its_version_and_comes_with_its_licence() -> None:
    assert facts()["version"] in (HTMX / "htmx.min.js").read_text(encoding="utf-8")
    assert (HTMX / "LICENSE").read_text(encoding="utf-8").strip()


def loaded_at_first() -> set[str]:
    """Return the names of the scripts that a page needs to open: what is imported on demand is not among them."""
    found, waiting = {"htmx.min.js", "back.js"}, ["app.js"]
    while waiting:
        name = waiting.pop()
        found.add(name)
        text = (resources.folder("static") / "js" / name).read_text(encoding="utf-8")
        names = re.findall(r'^import [^;"]*"\./([a-z]+\.js)";', text, re.MULTILINE)
        waiting += [name for name in names if name not in found]
    return found


def test_scripts_are_small_and_lose_only_their_comments_on_the_way() -> None:
    """The scripts of a page that opens, as they are sent, stay within 40 KB; no line of text looks like a comment."""
    static = Static(resources.folder("static"))
    first = loaded_at_first()
    sent = 0
    for path in sorted((resources.folder("static")).rglob("*.js")):
        name = path.relative_to(resources.folder("static")).as_posix()
        file = static.find(name)
        sent += len(file.packed or file.body) if path.name in first else 0
        if "vendor" in path.parts:
            assert file.body == path.read_bytes()
            continue
        # Inside a template literal that spans lines, two slashes and an indent would be part of a text.
        assert all(line.count("`") % 2 == 0 for line in path.read_text().splitlines()), name
        assert file.body.count(b"\n") == path.read_bytes().count(b"\n")
    assert {path.name for path in (resources.folder("static") / "js").glob("*.js")} - first == ON_DEMAND
    assert sent < 40_000

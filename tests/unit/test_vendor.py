"""What others wrote and we carry is exactly what they released."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from chatapp.system import resources
from chatapp.web.assets.static import Static

ON_DEMAND = {
    "account/logout.js",
    "lib/collation.js",
    "message/lightbox.js",
    "message/revision/changes.js",
    "message/revision/editing.js",
    "message/revision/removal.js",
    "message/sheet.js",
    "message/toolbar.js",
    "room/people.js",
}
ALONE = ON_DEMAND | {"account/back.js"}  # which runs before all others
HTMX = Path(__file__).parents[2] / "static" / "vendor" / "htmx"


def facts() -> dict[str, str]:
    lines = (HTMX / "VENDOR.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line)


def test_htmx_is_the_file_whose_hash_is_written_beside_it() -> None:
    assert hashlib.sha256((HTMX / "htmx.min.js").read_bytes()).hexdigest() == facts()["sha256"]


def test_htmx_names_its_version_and_comes_with_its_licence() -> None:
    assert facts()["version"] in (HTMX / "htmx.min.js").read_text(encoding="utf-8")
    assert (HTMX / "LICENSE").read_text(encoding="utf-8").strip()


def sent(static: Static, *paths: str) -> int:
    """Return the bytes that a browser gets of some files when it takes gzip only."""
    return sum(len(static.find(path).packed["gzip"]) for path in paths)


def test_what_a_page_needs_to_open_is_small() -> None:
    """All scripts within 40 KB, all style sheets within 12 KB, as they are sent."""
    static = Static(resources.folder("static"))
    assert sent(static, "vendor/htmx/htmx.min.js", "js/account/back.js", "joined/app.js") < 40_000
    assert sent(static, "joined/style.css") < 12_000


def test_scripts_are_joined_but_those_that_most_visits_do_not_need() -> None:
    folder = resources.folder("static")
    static = Static(folder)
    joined = re.findall(rb"^const \$(\w+) = \(", static.find("joined/app.js").body, re.MULTILINE)
    names = {f"{name.decode().replace('_', '/')}.js" for name in joined}
    assert {path.relative_to(folder / "js").as_posix() for path in (folder / "js").rglob("*.js")} == names | ALONE
    assert all(static.find(f"joined/{name}").body for name in ON_DEMAND)


def test_scripts_lose_only_their_comments_on_the_way() -> None:
    """No line of text looks like a comment."""
    static = Static(resources.folder("static"))
    for path in sorted(resources.folder("static").rglob("*.js")):
        name = path.relative_to(resources.folder("static")).as_posix()
        file = static.find(name)
        if "vendor" in path.parts:
            assert file.body == path.read_bytes()
            continue
        # Inside a template literal that spans lines, two slashes and an indent would be part of a text.
        assert all(line.count("`") % 2 == 0 for line in path.read_text("utf-8").splitlines()), name
        assert file.body.count(b"\n") == path.read_bytes().count(b"\n")

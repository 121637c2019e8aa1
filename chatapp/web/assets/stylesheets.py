"""Style sheets joined when the server starts: one request, and one list of them.

The one sheet under ``css/`` that imports others is that list, weakest first, with the cascade layer of each::

    @import "./tokens.css" layer(tokens);

Browsers read it as it stands; joined, each of these lines becomes the sheet that it names, inside its layer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from chatapp.web.assets.joining import Unjoinable

_IMPORT = re.compile(r'^@import "\./(?P<name>[a-z]+)\.css" layer\((?P<layer>[a-z]+)\);$', re.MULTILINE)
# A comment; strings are matched before it, because one may hold what looks like a comment.
_COMMENT = re.compile(r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|/\*.*?\*/""", re.DOTALL)
_MARGIN = re.compile(r"\s*\n\s*")
# ../ leads from joined/ where it leads from css/; what belongs to the head of a file cannot stand inside one.
_ALIEN = re.compile(r"@(?:import|charset|namespace)\b.*|\burl\((?![\"']?(?:\.\./|data:)).*")


def join(texts: Mapping[str, str]) -> dict[str, str]:
    """Return all style sheets as one, by its path. ``texts`` holds them by path, without ``.css``. Raise Unjoinable."""
    lists = [name for name, text in texts.items() if "@import" in text]
    if len(lists) != 1:
        raise Unjoinable(f"css/: one style sheet imports all others; here it is {' and '.join(lists) or 'none'}")
    [name] = lists
    order = {match["name"]: match["layer"] for match in _IMPORT.finditer(texts[name])}
    if rest := _COMMENT.sub(r"\1", _IMPORT.sub("", texts[name])).strip():
        raise Unjoinable(f"css/{name}.css: cannot join a list of style sheets that says {rest.splitlines()[0]!r}")
    if strays := order.keys() ^ (texts.keys() - {name}):
        raise Unjoinable(f"css/: {name}.css and the files beside it differ: {', '.join(sorted(strays))}")
    return {f"{name}.css": "".join(_layer(sheet, layer, texts[sheet]) for sheet, layer in order.items())}


def _layer(name: str, layer: str, text: str) -> str:
    """Return a sheet as a layer, without its comments and indents: a fifth of what is sent."""
    if alien := _ALIEN.search(text):
        raise Unjoinable(f"css/{name}.css: cannot join a style sheet that says {alien[0].strip()!r}")
    if text.count("{") != text.count("}"):  # it would swallow the next one
        raise Unjoinable(f"css/{name}.css: not every brace is closed")
    rules = _MARGIN.sub("\n", _COMMENT.sub(r"\1", text)).strip()
    return f"@layer {layer} {{\n{rules}\n}}\n"

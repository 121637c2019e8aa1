"""Scripts joined when the server starts, so that a page opens with a handful of requests.

In the repository each behaviour has a file of its own, and there is no build step. All modules that ``js/app.js``
imports, directly or not, become one module, ``joined/app.js``. Each keeps a scope of its own, in the order in which a
browser would run them::

    const $words = (() => {
    ...                                      // the lines of words.js, without the word "export"
    return { word, localise }; })();
    const $banner = (() => {
    const { word } = $words;                 // import { word } from "./words.js";
    ...

Modules that are loaded on demand, with ``import()``, stay files of their own beside it, under ``joined/`` too. What
they import from the joined ones they take from ``joined/app.js``, so that there is one outbox and one socket only.
A page of an older version that asks for a single ``js/words.js`` still gets it: nothing under ``js/`` changes.

This is no parser. It knows the few forms of import and export that our modules use, each at the beginning of a line,
and refuses whatever else it meets, so that a developer learns of it at the first start and not from a browser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

ENTRY = "app"

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_IMPORT = re.compile(
    rf'^import (?:\* as (?P<whole>{_NAME})|\{{(?P<names>[^{{}}]*)\}}) from "\./(?P<module>[a-z]+)\.js";', re.MULTILINE
)
_EXPORT = re.compile(rf"^export (?=(?P<kind>const|let|class|(?:async )?function\*?) (?P<name>{_NAME})\b)", re.MULTILINE)
_LOADED = re.compile(r"\bimport\(\"\./([a-z]+)\.js\"\)")
# Other forms; import.meta, which would name the joined file; and waiting, which the scope of a module does not allow.
_ALIEN = re.compile(
    r"^[ \t]*(?:import\b(?!\()|export\b).*|^.*\bimport\.meta\b.*|^(?!.*\basync\b)(?=[^\s/]).*\bawait\b.*",
    re.MULTILINE,
)
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Unjoinable(ValueError):  # noqa: N818 - reads as what it is
    """A file says what would not mean the same in a joined one. The text names the file and quotes it."""


@dataclass(frozen=True)
class Module:
    """One script of ours, and what it takes from others and gives to them."""

    name: str
    text: str

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """Return what is taken by name from which module; nothing where it is taken as a whole."""
        found: dict[str, set[str]] = {}
        for match in _IMPORT.finditer(self.text):
            names = [pair.split(" as ")[0].strip() for pair in (match["names"] or "").split(",")]
            found.setdefault(match["module"], set()).update(filter(None, names))
        return found

    @cached_property
    def exports(self) -> dict[str, str]:
        """Return the names that others may take, and what they are: const, let, function, ..."""
        return {match["name"]: match["kind"] for match in _EXPORT.finditer(self.text)}

    @property
    def is_plain(self) -> bool:
        """Tell whether it is a script of the old kind, which a page runs by itself."""
        return not self.imports and not self.exports

    def check(self, others: Mapping[str, Module]) -> None:
        """Raise Unjoinable for a form that is not known here, or a name that nobody exports."""
        if alien := _ALIEN.search(_EXPORT.sub("", _IMPORT.sub("", self.text))):
            raise Unjoinable(f"js/{self.name}.js: cannot join a module that says {alien[0].strip()!r}")
        for source, names in self.imports.items():
            if source not in others:
                raise Unjoinable(f"js/{self.name}.js imports {source}.js, which does not exist")
            for name in names:
                kind = others[source].exports.get(name)
                if kind is None:
                    raise Unjoinable(f"js/{self.name}.js imports {name}, which {source}.js does not export")
                if kind == "let":  # a copy would not follow its changes
                    raise Unjoinable(
                        f'js/{self.name}.js: {name} changes; write import * as {source} from "./{source}.js"'
                    )

    def taking(self, joined: Mapping[str, Module]) -> str:
        """Return the script, as many lines as before, with imports from joined modules as plain constants."""
        return _IMPORT.sub(lambda match: self._taken(match, joined), self.text)

    @staticmethod
    def _taken(match: re.Match[str], joined: Mapping[str, Module]) -> str:
        if match["module"] not in joined:
            return match[0]
        what = match["whole"] or "{" + match["names"].replace(" as ", ": ") + "}"
        return f"const {what} = ${match['module']};"

    @property
    def result(self) -> str:
        """Return the object of all exports. What may change later is read when it is asked for."""
        parts = [f"get {name}() {{ return {name}; }}" if kind == "let" else name for name, kind in self.exports.items()]
        return "{ " + ", ".join(parts) + " }"


def scripts(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the joined script, its map, and each script that is loaded on demand, by file name.

    ``texts`` holds all scripts by name, without ``.js``. Raise Unjoinable.
    """
    modules = {name: Module(name, text) for name, text in texts.items()}
    for module in modules.values():
        module.check(modules)
    joined = {module.name: module for module in _in_order(modules)}
    found = _join(joined)
    for name in modules.keys() - joined.keys():
        if not modules[name].is_plain:
            found[f"{name}.js"] = _on_demand(modules[name], joined)
    for module in modules.values():
        for wanted in _LOADED.findall(module.text):
            if f"{wanted}.js" not in found or wanted in joined:
                raise Unjoinable(f"js/{module.name}.js loads {wanted}.js on demand, which is joined or does not exist")
    return found


def _in_order(modules: Mapping[str, Module]) -> list[Module]:
    """Return the modules that the first one needs, each after those that it imports, as browsers run them."""
    done: list[Module] = []

    def visit(name: str, path: Sequence[str]) -> None:
        if name in path:
            raise Unjoinable(f"js/: modules import each other in a circle: {' -> '.join([*path, name])}")
        if modules[name] not in done:
            for source in modules[name].imports:
                visit(source, [*path, name])
            done.append(modules[name])

    visit(ENTRY, [])
    return done


def _join(joined: Mapping[str, Module]) -> dict[str, str]:
    """Return the joined script and its map."""
    lines: list[str] = []
    origins: list[tuple[int, int] | None] = []  # of each line: the module's number and the line in it
    for number, module in enumerate(joined.values()):
        body = _EXPORT.sub("", module.taking(joined)).splitlines()
        lines += [f"const ${module.name} = (() => {{", *body, f"return {module.result}; }})();"]
        origins += [None, *((number, line) for line in range(len(body))), None]
    lines += [f"export {{ {', '.join(f'${name}' for name in joined)} }};", f"//# sourceMappingURL={ENTRY}.js.map", ""]
    source_map = {
        "version": 3,
        "sources": [f"../js/{name}.js" for name in joined],
        "names": [],
        "mappings": ";".join(_segments(origins)),
    }
    return {f"{ENTRY}.js": "\n".join(lines), f"{ENTRY}.js.map": json.dumps(source_map)}


def _on_demand(module: Module, joined: Mapping[str, Module]) -> str:
    names = [f"${name}" for name in module.imports if name in joined]
    head = f'import {{ {", ".join(names)} }} from "./{ENTRY}.js"; ' if names else ""  # no line of its own: numbers stay
    return head + module.taking(joined)


def _segments(origins: Sequence[tuple[int, int] | None]) -> Iterator[str]:
    """Yield for each line where it comes from, as source maps tell it (ECMA-426): differences, column after column."""
    before = (0, 0)
    for origin in origins:
        if origin is None:
            yield ""
            continue
        yield "".join(map(_digits, (0, origin[0] - before[0], origin[1] - before[1], 0)))
        before = origin


def _digits(number: int) -> str:
    """Return a number as base64 VLQ: five bits a digit, the lowest first, the sign in the first bit."""
    rest, digits = abs(number) << 1 | (number < 0), ""
    while True:
        rest, digit = rest >> 5, rest & 31
        digits += _BASE64[digit | (32 if rest else 0)]
        if not rest:
            return digits

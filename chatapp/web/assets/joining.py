"""Scripts and style sheets joined when the server starts, so that a page opens with a handful of requests.

In the repository each behaviour has a file of its own, and there is no build step. The one script directly under
``js/`` is the entry; all modules that it imports, directly or not, become one module with it, ``joined/app.js``. Each
keeps a scope of its own, in the order in which a browser would run them::

    const $lib_words = (() => {
    ...                                      // the lines of lib/words.js, without the word "export"
    return { word, localise }; })();
    const $chat_banner = (() => {
    const { word } = $lib_words;             // import { word } from "../lib/words.js";
    ...

Modules that are loaded on demand, with ``import()``, stay files of their own, in the same folders under ``joined/``.
What they import from the joined ones they take from ``joined/app.js``, so that there is one outbox and one socket only.

This is no parser. It knows the few forms of import and export that our modules use, each at the beginning of a line,
and refuses whatever else it meets, so that a developer learns of it at the first start and not from a browser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from posixpath import dirname, join, normpath

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PATH = r"(?:\./|(?:\.\./)+)(?:[a-z]+/)*[a-z]+"
_IMPORT = re.compile(
    rf'^import (?:\* as (?P<whole>{_NAME})|\{{(?P<names>[^{{}}]*)\}}) from "(?P<path>{_PATH})\.js";', re.MULTILINE
)
_EXPORT = re.compile(rf"^export (?=(?P<kind>const|let|class|(?:async )?function\*?) (?P<name>{_NAME})\b)", re.MULTILINE)
_LOADED = re.compile(rf'\bimport\("({_PATH})\.js"\)')
# Other forms; import.meta, which would name the joined file; waiting, which the scope of a module does not allow; and
# imports of a computed path, because it would be relative to the joined file.
_ALIEN = re.compile(
    r"^[ \t]*(?:import\b(?!\()|export\b).*|^.*\bimport\.meta\b.*|^(?!.*\basync\b)(?=[^\s/]).*\bawait\b.*"
    rf'|^(?![ \t]*//).*\bimport\((?!"{_PATH}\.js"\)).*',
    re.MULTILINE,
)
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Unjoinable(ValueError):  # noqa: N818 - reads as what it is
    """A file says what would not mean the same in a joined one. The text names the file and quotes it."""


@dataclass(frozen=True)
class Module:
    """One script of ours, and what it takes from others and gives to them. Its name has its folder: ``lib/words``."""

    name: str
    text: str

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """Return the names imported from each module; an empty set for a namespace import."""
        found: dict[str, set[str]] = {}
        for match in _IMPORT.finditer(self.text):
            names = [pair.split(" as ")[0].strip() for pair in (match["names"] or "").split(",")]
            found.setdefault(self._at(match["path"]), set()).update(filter(None, names))
        return found

    @cached_property
    def exports(self) -> dict[str, str]:
        """Return the names that others may take, and what they are: const, let, function, ..."""
        return {match["name"]: match["kind"] for match in _EXPORT.finditer(self.text)}

    @property
    def loads(self) -> list[str]:
        """Return the modules that are loaded on demand."""
        return [self._at(path) for path in _LOADED.findall(self.text)]

    @property
    def scope(self) -> str:
        """Return the name of the constant that holds its exports in the joined script."""
        return "$" + self.name.replace("/", "_")

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
                    whole = source.rpartition("/")[2]
                    raise Unjoinable(
                        f'js/{self.name}.js: {name} of {source}.js changes; write import * as {whole} from "…"'
                    )

    def taking(self, joined: Mapping[str, Module]) -> str:
        """Return the script, as many lines as before, with imports from joined modules as plain constants."""

        def take(match: re.Match[str]) -> str:
            source = joined.get(self._at(match["path"]))
            if source is None:
                return match[0]
            what = match["whole"] or "{" + match["names"].replace(" as ", ": ") + "}"
            return f"const {what} = {source.scope};"

        return _IMPORT.sub(take, self.text)

    def moved_up(self, joined: Mapping[str, Module]) -> str:
        """Return the script as it stands in the joined one: without exports, and loading from the top folder."""
        text = _EXPORT.sub("", self.taking(joined))
        return _LOADED.sub(lambda match: f'import("./{self._at(match[1])}.js")', text)

    def set_apart(self, joined: Mapping[str, Module], entry: str) -> str:
        """Return the script as a file of its own beside the joined one."""
        scopes = [joined[name].scope for name in self.imports if name in joined]
        way = "../" * self.name.count("/") + entry
        head = f'import {{ {", ".join(scopes)} }} from "{way}.js"; ' if scopes else ""  # no line of its own
        return head + self.taking(joined)

    @property
    def result(self) -> str:
        """Return the object of all exports. What may change later is read when it is asked for."""
        parts = [f"get {name}() {{ return {name}; }}" if kind == "let" else name for name, kind in self.exports.items()]
        return "{ " + ", ".join(parts) + " }"

    def _at(self, path: str) -> str:
        return normpath(join(dirname(self.name), path))


def scripts(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the joined script, its map, and each script that is loaded on demand, by path.

    ``texts`` holds all scripts by path, without ``.js``. Raise Unjoinable.
    """
    modules = {name: Module(name, text) for name, text in texts.items()}
    entries = [name for name in modules if "/" not in name]
    if len(entries) != 1:
        raise Unjoinable(f"js/: one script starts all others, those lie in folders; here are {', '.join(entries)}")
    for module in modules.values():
        module.check(modules)
    joined = {module.name: module for module in _in_order(modules, entries[0])}
    found = _join(joined, entries[0])
    for name in modules.keys() - joined.keys():
        if not modules[name].is_plain:
            found[f"{name}.js"] = modules[name].set_apart(joined, entries[0])
    for module in modules.values():
        for wanted in module.loads:
            if f"{wanted}.js" not in found or wanted in joined:
                raise Unjoinable(f"js/{module.name}.js loads {wanted}.js on demand, which is joined or does not exist")
    return found


def _in_order(modules: Mapping[str, Module], entry: str) -> list[Module]:
    """Return the modules that the entry needs, each after those that it imports, as browsers run them."""
    done: list[Module] = []

    def visit(name: str, path: Sequence[str]) -> None:
        if name in path:
            raise Unjoinable(f"js/: modules import each other in a circle: {' -> '.join([*path, name])}")
        if modules[name] not in done:
            for source in modules[name].imports:
                visit(source, [*path, name])
            done.append(modules[name])

    visit(entry, [])
    return done


def _join(joined: Mapping[str, Module], entry: str) -> dict[str, str]:
    """Return the joined script and its map."""
    lines: list[str] = []
    origins: list[tuple[int, int] | None] = []  # of each line: the module's number and the line in it
    for number, module in enumerate(joined.values()):
        body = module.moved_up(joined).splitlines()
        lines += [f"const {module.scope} = (() => {{", *body, f"return {module.result}; }})();"]
        origins += [None, *((number, line) for line in range(len(body))), None]
    scopes = ", ".join(module.scope for module in joined.values())
    lines += [f"export {{ {scopes} }};", f"//# sourceMappingURL={entry}.js.map", ""]
    source_map = {
        "version": 3,
        "sources": [f"../js/{name}.js" for name in joined],
        "names": [],
        "mappings": ";".join(_segments(origins)),
    }
    return {f"{entry}.js": "\n".join(lines), f"{entry}.js.map": json.dumps(source_map)}


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

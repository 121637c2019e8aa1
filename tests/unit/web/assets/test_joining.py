"""Joined scripts: the same code in the same order, shared with what is loaded later, or a refusal."""

from __future__ import annotations

import json
import re

import pytest

from chatapp.system import resources
from chatapp.web.assets import joining
from chatapp.web.assets.joining import Unjoinable

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def join(**texts: str) -> dict[str, str]:
    return joining.scripts(texts)


def ours() -> dict[str, str]:
    return {path.stem: path.read_text("utf-8") for path in (resources.folder("static") / "js").glob("*.js")}


def digits(segment: str) -> list[int]:
    """Read the numbers of a segment of a source map."""
    numbers, number, shift = [], 0, 0
    for letter in segment:
        digit = ALPHABET.index(letter)
        number |= (digit & 31) << shift
        shift += 5
        if digit < 32:
            numbers.append(-(number >> 1) if number & 1 else number >> 1)
            number, shift = 0, 0
    return numbers


# --- what is joined -------------------------------------------------------------------------------------------------


def test_a_module_comes_after_those_it_imports_and_once() -> None:
    text = join(
        app='import * as b from "./b.js";\nimport { c } from "./c.js";\nb.run(c);\n',
        b='import { c } from "./c.js";\nexport function run() {\n  return c;\n}\n',
        c="export const c = 1;\n",
    )["app.js"]
    assert re.findall(r"^const \$(\w+) = \(", text, re.MULTILINE) == ["c", "b", "app"]


def test_each_module_has_a_scope_and_gives_away_what_it_exports() -> None:
    text = join(app='import * as b from "./b.js";\nb.run();\n', b="const hidden = 1;\nexport function run() {}\n")[
        "app.js"
    ]
    lines = text.splitlines()
    assert lines[:4] == ["const $b = (() => {", "const hidden = 1;", "function run() {}", "return { run }; })();"]
    assert lines[4:7] == ["const $app = (() => {", "const b = $b;", "b.run();"]
    assert "export { $b, $app };" in lines


def test_names_are_taken_under_the_names_they_are_given() -> None:
    texts = {"app": 'import { one, two as zwei } from "./b.js";\n', "b": "export const one = 1;\nexport class two {}\n"}
    assert "const { one, two: zwei } = $b;" in joining.scripts(texts)["app.js"]


def test_imports_over_several_lines_keep_their_lines() -> None:
    text = join(app='import {\n  one,\n} from "./b.js";\nhere();\n', b="export const one = 1;\n")["app.js"]
    assert "const {\n  one,\n} = $b;\nhere();\n" in text


def test_what_changes_later_is_read_when_it_is_asked_for() -> None:
    text = join(app='import * as b from "./b.js";\n', b="export let late = null;\n")["app.js"]
    assert "return { get late() { return late; } }; })();" in text


def test_what_is_loaded_on_demand_takes_the_joined_ones_from_there_and_the_others_from_their_files() -> None:
    found = join(
        app='import { b } from "./b.js";\nimport("./later.js");\n',
        b="export const b = 1;\n",
        later='// Later.\nimport * as all from "./b.js";\nimport { b } from "./b.js";\n'
        'import { go } from "./more.js";\ngo(b);\n',
        more="export function go() {}\n",
    )
    assert found.keys() == {"app.js", "app.js.map", "later.js", "more.js"}
    assert found["later.js"].splitlines() == [
        'import { $b } from "./app.js"; // Later.',
        "const all = $b;",
        "const { b } = $b;",
        'import { go } from "./more.js";',
        "go(b);",
    ]
    assert found["more.js"] == "export function go() {}\n"


def test_a_script_that_is_no_module_stays_out() -> None:
    assert join(app="start();\n", back="early();\n").keys() == {"app.js", "app.js.map"}


def test_every_line_of_ours_is_there_and_the_map_leads_back_to_it() -> None:
    texts = ours()
    found = joining.scripts(texts)
    told = json.loads(found["app.js.map"])
    names = [re.sub(r"^\.\./js/(\w+)\.js$", r"\1", source) for source in told["sources"]]
    seen, source, line = set(), 0, 0
    for text, segment in zip(found["app.js"].splitlines(), told["mappings"].split(";"), strict=False):
        if segment:
            _, more_source, more_line, _ = digits(segment)
            source, line = source + more_source, line + more_line
            seen.add((names[source], line))
            origin = texts[names[source]].splitlines()[line]
            assert text == origin or origin.startswith(("import ", "export "))
    assert seen == {(name, n) for name in names for n in range(len(texts[name].splitlines()))}
    assert found["app.js"].rstrip().endswith("//# sourceMappingURL=app.js.map")


def test_no_import_of_ours_between_joined_modules_is_left() -> None:
    found = joining.scripts(ours())
    assert not re.findall(r"^(?:import|export) .*", found["app.js"].rpartition("\nexport {")[0], re.MULTILINE)
    joined = set(re.findall(r"\$(\w+)", found["app.js"].rpartition("\nexport {")[2]))
    for name in found.keys() - {"app.js", "app.js.map"}:
        sources = re.findall(r'^import .* from "\./(\w+)\.js";', found[name], re.MULTILINE)
        assert not set(sources) & (joined - {"app"}), name


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        'import b from "./b.js";',
        'import "./b.js";',
        "import { b } from './b.js';",
        'import { b } from "../b.js";',
        'import { b } from "https://elsewhere.example/b.js";',
        'import { b } from "./b.js"',
        '  import { b } from "./b.js";',
        "export default 1;",
        "export { b };",
        'export * from "./b.js";',
        "export const { b } = window;",
        "const here = import.meta.url;",
        "await b();",
        "const c = await b();",
    ],
)
def test_a_form_that_is_not_known_is_refused_with_its_words(text: str) -> None:
    with pytest.raises(Unjoinable, match=r"js/app\.js.*" + re.escape(text.strip())):
        join(app=f"// The beginning.\n{text}\n", b="export const b = 1;\n")


@pytest.mark.parametrize(
    "text",
    [
        "// We import nothing here, and export nothing; await nothing.",
        "const important = 1, exported = 2;",
        "async function wait() {\n  await import('./later.js');\n}",
        "const wait = async () => await later();",
        "function load(name) {\n  import(`./${name}.js`);\n}",
        'import("./later.js");',
    ],
)
def test_ordinary_code_is_not_mistaken_for_such_a_form(text: str) -> None:
    assert text in join(app=text, later="export const later = 1;\n")["app.js"]


def test_an_import_of_what_is_not_exported_is_refused() -> None:
    with pytest.raises(Unjoinable, match=r"js/app\.js imports two, which b\.js does not export"):
        join(app='import { one, two } from "./b.js";', b="export const one = 1;")
    with pytest.raises(Unjoinable, match=r"js/app\.js imports b\.js, which does not exist"):
        join(app='import * as b from "./b.js";')


def test_a_name_that_changes_may_not_be_copied() -> None:
    with pytest.raises(Unjoinable, match=r'js/app\.js: late changes; write import \* as b from "\./b\.js"'):
        join(app='import { late } from "./b.js";', b="export let late = null;")


def test_what_is_loaded_later_is_checked_too() -> None:
    with pytest.raises(Unjoinable, match=r"js/later\.js imports two"):
        join(app="", later='import { two } from "./b.js";', b="export const one = 1;")


def test_a_circle_is_refused_with_the_way_round() -> None:
    with pytest.raises(Unjoinable, match="app -> b -> c -> b"):
        join(app='import * as b from "./b.js";', b='import * as c from "./c.js";', c='import * as b from "./b.js";')


@pytest.mark.parametrize("name", ["b", "missing"])
def test_what_is_joined_or_missing_cannot_be_loaded_on_demand(name: str) -> None:
    with pytest.raises(Unjoinable, match=rf"js/app\.js loads {name}\.js on demand"):
        join(app=f'import * as b from "./b.js";\nimport("./{name}.js");\n', b="export const one = 1;")

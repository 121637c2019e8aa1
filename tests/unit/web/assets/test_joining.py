"""Joined scripts: the same code in the same order, shared with what is loaded later, or a refusal."""

from __future__ import annotations

import json
import re
from posixpath import dirname, normpath

import pytest

from chatapp.system import resources
from chatapp.web.assets import joining
from chatapp.web.assets.joining import Unjoinable

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def join(app: str, **texts: str) -> dict[str, str]:
    """Join scripts: the entry ``app``, and others of a folder ``lib``."""
    return joining.scripts({"app": app, **{f"lib/{name}": text for name, text in texts.items()}})


def ours() -> dict[str, str]:
    folder = resources.folder("static") / "js"
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path.read_text("utf-8") for path in folder.rglob("*.js")
    }


def loading(line: str) -> str:
    """Return a line without the folders of what it loads, which lead from elsewhere in a joined file."""
    return re.sub(r'import\("[^"]*/(\w+\.js)"\)', r'import("\1")', line)


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
        app='import * as b from "./lib/b.js";\nimport { c } from "./lib/c.js";\nb.run(c);\n',
        b='import { c } from "./c.js";\nexport function run() {\n  return c;\n}\n',
        c="export const c = 1;\n",
    )["app.js"]
    assert re.findall(r"^const \$(\w+) = \(", text, re.MULTILINE) == ["lib_c", "lib_b", "app"]


def test_each_module_has_a_scope_and_gives_away_what_it_exports() -> None:
    text = join(app='import * as b from "./lib/b.js";\nb.run();\n', b="const hidden = 1;\nexport function run() {}\n")[
        "app.js"
    ]
    lines = text.splitlines()
    assert lines[:4] == ["const $lib_b = (() => {", "const hidden = 1;", "function run() {}", "return { run }; })();"]
    assert lines[4:7] == ["const $app = (() => {", "const b = $lib_b;", "b.run();"]
    assert "export { $lib_b, $app };" in lines


def test_names_are_taken_under_the_names_they_are_given() -> None:
    text = join(
        app='import { one, two as zwei } from "./lib/b.js";\n', b="export const one = 1;\nexport class two {}\n"
    )["app.js"]
    assert "const { one, two: zwei } = $lib_b;" in text


def test_imports_over_several_lines_keep_their_lines() -> None:
    text = join(app='import {\n  one,\n} from "./lib/b.js";\nhere();\n', b="export const one = 1;\n")["app.js"]
    assert "const {\n  one,\n} = $lib_b;\nhere();\n" in text


def test_what_changes_later_is_read_when_it_is_asked_for() -> None:
    text = join(app='import * as b from "./lib/b.js";\n', b="export let late = null;\n")["app.js"]
    assert "return { get late() { return late; } }; })();" in text


def test_modules_find_each_other_from_folder_to_folder() -> None:
    texts = {
        "app": 'import * as act from "./message/act.js";\nact.run();\n',
        "message/act": 'import { b } from "../lib/b.js";\nimport { c } from "./part/c.js";\nexport function run() {}\n',
        "message/part/c": 'import { b } from "../../lib/b.js";\nexport const c = b;\n',
        "lib/b": "export const b = 1;\n",
    }
    text = joining.scripts(texts)["app.js"]
    assert re.findall(r"^const \$(\w+) = \(", text, re.MULTILINE) == ["lib_b", "message_part_c", "message_act", "app"]
    assert text.count("const { b } = $lib_b;") == 2
    assert "const { c } = $message_part_c;" in text
    assert "const act = $message_act;" in text


def test_modules_of_one_name_in_two_folders_are_two() -> None:
    texts = {
        "app": 'import { a } from "./lib/list.js";\nimport { b } from "./room/list.js";\n',
        "lib/list": "export const a = 1;\n",
        "room/list": "export const b = 2;\n",
    }
    text = joining.scripts(texts)["app.js"]
    assert "const { a } = $lib_list;" in text
    assert "const { b } = $room_list;" in text


def test_what_is_loaded_on_demand_takes_the_joined_ones_from_there_and_the_others_from_their_files() -> None:
    found = joining.scripts(
        {
            "app": 'import { b } from "./lib/b.js";\nimport { go } from "./message/door.js";\n',
            "lib/b": "export const b = 1;\n",
            "message/door": 'export function go() {\n  return import("./part/later.js");\n}\n',
            "message/part/later": '// Later.\nimport * as all from "../../lib/b.js";\n'
            'import { b } from "../../lib/b.js";\nimport { go } from "../more.js";\ngo(b);\nimport("../last.js");\n',
            "message/more": "export function go() {}\n",
            "message/last": "export const last = 1;\n",
        }
    )
    assert found.keys() == {"app.js", "app.js.map", "message/part/later.js", "message/more.js", "message/last.js"}
    assert 'return import("./message/part/later.js");' in found["app.js"], "the way leads from the joined file"
    assert found["message/part/later.js"].splitlines() == [
        'import { $lib_b } from "../../app.js"; // Later.',
        "const all = $lib_b;",
        "const { b } = $lib_b;",
        'import { go } from "../more.js";',
        "go(b);",
        'import("../last.js");',
    ]
    assert found["message/more.js"] == "export function go() {}\n"


def test_a_script_that_is_no_module_stays_out() -> None:
    assert join(app="start();\n", back="early();\n").keys() == {"app.js", "app.js.map"}


def test_the_joined_script_has_the_name_of_the_one_outside_the_folders() -> None:
    found = joining.scripts({"start": 'import { b } from "./lib/b.js";\n', "lib/b": "export const b = 1;\n"})
    assert found.keys() == {"start.js", "start.js.map"}
    assert found["start.js"].endswith("//# sourceMappingURL=start.js.map\n")


def test_every_line_of_ours_is_there_and_the_map_leads_back_to_it() -> None:
    texts = ours()
    found = joining.scripts(texts)
    told = json.loads(found["app.js.map"])
    names = [re.sub(r"^\.\./js/([\w/]+)\.js$", r"\1", source) for source in told["sources"]]
    seen, source, line = set(), 0, 0
    for text, segment in zip(found["app.js"].splitlines(), told["mappings"].split(";"), strict=False):
        if segment:
            _, more_source, more_line, _ = digits(segment)
            source, line = source + more_source, line + more_line
            seen.add((names[source], line))
            origin = texts[names[source]].splitlines()[line]
            assert loading(text) == loading(origin) or origin.startswith(("import ", "export "))
    assert seen == {(name, n) for name in names for n in range(len(texts[name].splitlines()))}
    assert found["app.js"].rstrip().endswith("//# sourceMappingURL=app.js.map")


def test_no_import_of_ours_between_joined_modules_is_left() -> None:
    found = joining.scripts(ours())
    assert not re.findall(r"^(?:import|export) .*", found["app.js"].rpartition("\nexport {")[0], re.MULTILINE)
    joined = set(re.findall(r"\$(\w+)", found["app.js"].rpartition("\nexport {")[2]))
    for name in found.keys() - {"app.js", "app.js.map"}:
        sources = re.findall(r'^import .* from "([\w./]+)\.js";', found[name], re.MULTILINE)
        paths = {normpath(f"{dirname(name)}/{source}".lstrip("/")) for source in sources}
        assert not {path.replace("/", "_") for path in paths} & (joined - {"app"}), name
        assert {f"{path}.js" for path in paths} <= found.keys(), "each leads to a file"


def test_everything_of_ours_that_is_loaded_on_demand_is_there() -> None:
    found = joining.scripts(ours())
    loads = {(name, path) for name in found for path in re.findall(r'\bimport\("([^"]+)"\)', found[name])}
    assert len(loads) > 5
    for name, path in loads:
        assert normpath(f"{dirname(name)}/{path}".lstrip("/")) in found, f"{name} loads {path}"


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        'import b from "./b.js";',
        'import "./b.js";',
        "import { b } from './b.js';",
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
        'import { b } from "./Lib/b.js";',
        'import { b } from "lib/b.js";',
        'import { b } from "./lib/../b.js";',
        "import(`./${name}.js`);",
        "  const later = import('./lib/b.js');",
        'import("/static/lib/b.js");',
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
        'async function wait() {\n  await import("./lib/later.js");\n}',
        "// One is loaded by import(name).",
        "const wait = async () => await later();",
        'import("./lib/later.js");',
    ],
)
def test_ordinary_code_is_not_mistaken_for_such_a_form(text: str) -> None:
    assert text in join(app=text, later="export const later = 1;\n")["app.js"]


def test_an_import_of_what_is_not_exported_is_refused() -> None:
    with pytest.raises(Unjoinable, match=r"js/app\.js imports two, which lib/b\.js does not export"):
        join(app='import { one, two } from "./lib/b.js";', b="export const one = 1;")
    with pytest.raises(Unjoinable, match=r"js/app\.js imports lib/b\.js, which does not exist"):
        join(app='import * as b from "./lib/b.js";')
    with pytest.raises(Unjoinable, match=r"js/app\.js imports \.\./b\.js, which does not exist"):
        join(app='import { b } from "../b.js";')
    with pytest.raises(Unjoinable, match=r"js/lib/b\.js imports \.\./b\.js, which does not exist"):
        join(app="", b='import { b } from "../../b.js";')


def test_a_name_that_changes_may_not_be_copied() -> None:
    with pytest.raises(Unjoinable, match=r"js/app\.js: late of lib/b\.js changes; write import \* as b from"):
        join(app='import { late } from "./lib/b.js";', b="export let late = null;")


def test_what_is_loaded_later_is_checked_too() -> None:
    with pytest.raises(Unjoinable, match=r"js/lib/later\.js imports two"):
        join(app="", later='import { two } from "./b.js";', b="export const one = 1;")


def test_a_circle_is_refused_with_the_way_round() -> None:
    with pytest.raises(Unjoinable, match="app -> lib/b -> lib/c -> lib/b"):
        join(app='import * as b from "./lib/b.js";', b='import * as c from "./c.js";', c='import * as b from "./b.js";')


@pytest.mark.parametrize("name", ["b", "missing"])
def test_what_is_joined_or_missing_cannot_be_loaded_on_demand(name: str) -> None:
    with pytest.raises(Unjoinable, match=rf"js/app\.js loads lib/{name}\.js on demand"):
        join(app=f'import * as b from "./lib/b.js";\nimport("./lib/{name}.js");\n', b="export const one = 1;")


@pytest.mark.parametrize("names", [["app", "other"], []])
def test_there_is_one_script_outside_the_folders(names: list[str]) -> None:
    with pytest.raises(Unjoinable, match="one script starts all others"):
        joining.scripts({**dict.fromkeys(names, ""), "lib/b": "export const b = 1;"})

"""Joined style sheets: in the order of their list, each a layer, or a refusal."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from chatapp.system import resources
from chatapp.web.assets import stylesheets
from chatapp.web.assets.joining import Unjoinable

ORDER = ("tokens", "base", "forms", "room")
LIST = "/* Weakest first. */\n" + "".join(f'@import "./{name}.css" layer({name});\n' for name in ORDER)


def sheets(**texts: str) -> dict[str, str]:
    return {"style": LIST, **{name: f".{name} {{}}\n" for name in ORDER}, **texts}


def test_style_sheets_keep_their_order_and_their_words() -> None:
    joined = stylesheets.join(sheets(base="p { color: red }\n", room="b { background: url(../img/x.svg) }\n"))
    assert joined.keys() == {"style.css"}
    style = joined["style.css"]
    places = [style.index(f"@layer {name} {{\n") for name in ORDER]
    assert all(before < after for before, after in pairwise(places))
    assert "@layer base {\np { color: red }\n}\n" in style
    assert "url(../img/x.svg)" in style


def test_the_list_names_the_layer_of_a_sheet() -> None:
    style = stylesheets.join({"all": '@import "./one.css" layer(two);\n', "one": "p { top: 0 }\n"})
    assert style == {"all.css": "@layer two {\np { top: 0 }\n}\n"}


def test_comments_and_indents_are_not_sent_but_every_word_of_a_string_is() -> None:
    text = """/* Who's who: "quoted". */
p {
  content: "/* no comment */";  /* one */

  quotes: '"/*' '*/"';
}
"""
    style = stylesheets.join(sheets(base=text))["style.css"]
    assert """@layer base {\np {\ncontent: "/* no comment */";\nquotes: '"/*' '*/"';\n}\n}""" in style


def test_every_rule_of_ours_is_there_in_the_order_of_the_list() -> None:
    texts = {path.stem: path.read_text("utf-8") for path in (resources.folder("static") / "css").glob("*.css")}
    [(name, style)] = stylesheets.join(texts).items()
    assert "/*" not in style
    order = re.findall(r'^@import "\./(\w+)\.css"', texts[name.removesuffix(".css")], re.MULTILINE)
    assert len(order) == len(texts) - 1
    words = "".join(re.sub(r"/\*.*?\*/", "", texts[sheet], flags=re.DOTALL) for sheet in order)
    inside = re.sub(r"^@layer \w+ \{$(.*?)^\}$\n(?=@layer|\Z)", r"\1", style, flags=re.DOTALL | re.MULTILINE)
    assert inside.split() == words.split()


def test_a_line_of_ours_is_one_declaration_and_can_be_read() -> None:
    for path in (resources.folder("static") / "css").glob("*.css"):
        for line in re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL).splitlines():
            assert line.count(";") <= 1, f"{path.name}: {line}"
        assert all(len(line) <= 120 for line in path.read_text("utf-8").splitlines()), path.name


@pytest.mark.parametrize(
    "text",
    [
        '@charset "utf-8";',
        '@namespace "http://www.w3.org/2000/svg";',
        "b { background: url(x.svg) }",
        'b { background: url("/img/x.svg") }',
    ],
)
def test_a_style_sheet_that_would_mean_something_else_is_refused(text: str) -> None:
    with pytest.raises(Unjoinable, match=r"css/forms\.css: cannot join"):
        stylesheets.join(sheets(forms=text))


@pytest.mark.parametrize(
    "text",
    [
        "p { top: 0 }",
        '@import "./forms.css";',
        '@import "forms.css" layer(forms);',
        '@import "./forms.css" layer(forms) screen;',
        "@layer tokens, base;",
    ],
)
def test_a_list_that_says_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Unjoinable, match=r"css/style\.css: cannot join .*" + re.escape(text)):
        stylesheets.join(sheets(style=f"{LIST}{text}\n"))


def test_a_style_sheet_that_would_swallow_the_next_is_refused() -> None:
    with pytest.raises(Unjoinable, match=r"css/forms\.css: not every brace"):
        stylesheets.join(sheets(forms="b { color: red\n"))


def test_a_style_sheet_without_its_place_is_refused() -> None:
    with pytest.raises(Unjoinable, match="toolbar"):
        stylesheets.join(sheets(toolbar=""))
    with pytest.raises(Unjoinable, match="tokens"):
        stylesheets.join({name: text for name, text in sheets().items() if name != "tokens"})


def test_there_is_one_list() -> None:
    with pytest.raises(Unjoinable, match="one style sheet imports all others; here it is style and forms"):
        stylesheets.join(sheets(forms='@import "x.css";'))
    with pytest.raises(Unjoinable, match="one style sheet imports all others; here it is none"):
        stylesheets.join({"base": "p { top: 0 }"})

"""What the text of a message looks like as HTML, and what it can never become."""

import html
import re
import time

import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.html.markup import to_html
from chatapp.model.texts import clean

TAGS = {"a", "br", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "span"}
ATTRIBUTES = {"a": {"href", "rel", "target"}, "pre": {"tabindex"}}
REL = 'rel="noopener noreferrer nofollow ugc" target="_blank"'


def link(address: str, prefix: str = "") -> str:
    return f'<a href="{prefix}{address}" {REL}>{address}</a>'


def items(kind: str, *lines: tuple[str, str]) -> str:
    return f"<{kind}>" + "".join(f"<li><span>{mark}</span>{text}</li>" for mark, text in lines) + f"</{kind}>"


BR = "<br>"


def block(code: str) -> str:
    return f'<pre tabindex="0"><code>{code}</code></pre>'


TABLE = [
    ("Chào cả nhà", "Chào cả nhà"),
    ('<b>&amp; "x"', '&lt;b&gt;&amp;amp; "x"'),
    ("a\nb\n\nc", "a<br>b<br><br>c"),
    ("a\xa0b", "a&nbsp;b"),
    ("**đậm** và _nghiêng_", "<strong>đậm</strong> và <em>nghiêng</em>"),
    ("*a* ~~b~~", "<em>a</em> <s>b</s>"),
    ("***a***", "<strong><em>a</em></strong>"),
    ("**bold *both***", "<strong>bold <em>both</em></strong>"),
    ("**a _b ~~c~~_**!", "<strong>a <em>b <s>c</s></em></strong>!"),
    ("*a **b* c**", "<em>a **b</em> c**"),
    ("*a *b*", "*a <em>b</em>"),
    ("**a\nb**", "**a<br>b**"),
    ("snake_case_name __init__", "snake_case_name __init__"),
    ("5*3 and 4*2, 2**3**4", "5*3 and 4*2, 2**3**4"),
    ("* a * ~~ b ~~ ****", "* a * ~~ b ~~ ****"),
    ("-_- o_o -_-", "-_- o_o -_-"),
    ("`**a** <b>` `", "<code>**a** &lt;b&gt;</code> `"),
    ("```one line```", "<code>one line</code>"),
    ("see\n\n```python\nif a < b:\n  **x**\n```\n\nok", "see" + block("if a &lt; b:\n  **x**") + "ok"),
    ("```\nnever closed\n\n> x", block("never closed\n\n&gt; x")),
    ("```hello", block("hello")),
    ("a\n```hello\n```\nb", "a" + block("hello") + "b"),
    ("```two words\nlast```", block("two words\nlast")),
    ("> a\n> *b*\nc", "<blockquote>a<br><em>b</em></blockquote>c"),
    ("a\n\n> b\n>\n> c", "a<blockquote>b<br><br>c</blockquote>"),
    ("> > a", "<blockquote>&gt; a</blockquote>"),
    (">a a > b", "&gt;a a &gt; b"),
    ("http://a.vn/?x=1&y=2", link("http://a.vn/?x=1&amp;y=2")),
    ("(https://a.vn/b_(c)_d_e).", "(" + link("https://a.vn/b_(c)_d_e") + ")."),
    ("**HTTPS://a.vn**, ok?", "<strong>" + link("HTTPS://a.vn") + "</strong>, ok?"),
    ("<http://a.vn> [http://b.vn]", "&lt;" + link("http://a.vn") + "&gt; [" + link("http://b.vn") + "]"),
    ('http://a.vn/"x http://a.vn/&', link("http://a.vn/") + '"x ' + link("http://a.vn/&amp;")),
    ("mailto:an@a.vn, an@a.vn", link("mailto:an@a.vn") + ", " + link("an@a.vn", "mailto:")),
    ("http://10.0.0.5:8000/rooms/general", link("http://10.0.0.5:8000/rooms/general")),
    ("http:// https://! http://_ xhttp://a.vn", "http:// https://! http://_ xhttp://a.vn"),
    ("http://[fd00::1]:8000/", link("http://[fd00::1]:8000/")),
    ("`` `a` `` và ``a`b``", "<code>`a`</code> và <code>a`b</code>"),
    ("`` ` ``, ` `, ```` ``` ````", "<code>`</code>, <code> </code>, <code>```</code>"),
    (
        "“*a*” (_b_) [**c**], *d*… **e**👍",
        "“<em>a</em>” (<em>b</em>) [<strong>c</strong>], <em>d</em>… <strong>e</strong>👍",
    ),
    ("- a\n- *b*\n\nc", items("ul", ("- ", "a" + BR), ("- ", "<em>b</em>" + BR)) + "<br>c"),
    (
        "a\n\n1. b\n5. c\n- d",
        "a<br><br>" + items("ol", ("1. ", "b" + BR), ("5. ", "c" + BR)) + items("ul", ("- ", "d")),
    ),
    ("1) a\n  - b", items("ol", ("1) ", "a" + BR)) + items("ul", ("  - ", "b"))),
    ("\n\n  a  b\n\tc", "<br><br>  a  b<br>\tc"),
    ("a\n\n\n> b\n\n\nc", "a<br><blockquote>b</blockquote><br>c"),
]

AS_TYPED = [
    "(a+b)*(c+d)*(e+f)",
    "rm *.pyc *.log và **/*.js",
    "_private, a_b_c_",
    "_snake_case_ và __init__",
    "faces: *_* (*_*) *_* hello *_*",
    ">_< and >_<, ^_^ hi ^_^, -_- o_o -_-",
    "int *p, *q; *p = *q; f(*args)*g(*kwargs)",
    "/*a*/ src/*test*/file a/*b/*c",
    "a *= 2; b **= 3; c ~= 1; 2 * 3 * 4",
    "~/.config ~ ~~ ~~~ **** ***",
    "*** ** * _ __ !!! *** **",
    "*!!!* **???** _..._",
    "a*b*c ก็*b*ก็ 中*文*中",
    "**không đóng, *cũng không, `nữa, ``và nữa",
    "- x" + "\u00a0",
    "-5 độ, 1.5 kg, 1.a, -a",
    "git@github.com:user/repo a@b a@b.1 @an an@ a@b@c.vn a@b.vn/x",
    "www.a www. xwww.a.vn",
    "https://… http://“",
]

LINKS = [
    ("Xem “{}” nhé", "https://example.org/a"),
    ("Vào {}… đi", "https://example.org/a"),
    ("（{}）。", "https://example.org/a"),
    ("«{}»", "https://example.org/a"),
    ("‘{}’", "https://example.org/a"),
    ("「{}」、", "https://example.org/a"),
    ("„{}“", "https://example.org/a"),
    ("{}؟", "https://example.org/a"),
    ("{}।", "https://example.org/a"),
    ("{} — {}–", "https://example.org/a"),
    ("{}?!", "https://example.org/a?b=c#d"),
    ("{}", "https://zh.example.org/北京（市）"),
    ("{}", "https://en.example.org/Rubik’s_cube_(toy)"),
]


@pytest.mark.parametrize("text", AS_TYPED)
def test_marks_that_open_nothing_stay_text(text: str) -> None:
    assert re.sub(r"</?(ul|li|span)>", "", html.unescape(to_html(text))) == text


@pytest.mark.parametrize(("sentence", "address"), LINKS)
def test_a_link_ends_before_the_signs_of_the_sentence(sentence: str, address: str) -> None:
    assert to_html(sentence.replace("{}", address)) == sentence.replace("{}", link(address))


@pytest.mark.parametrize("address", ["www.example.org", "WWW.a.vn/b_c?d=e&amp;f", "www.việt-nam.vn/đường"])
def test_www_begins_a_link(address: str) -> None:
    assert to_html(f"({html.unescape(address)}).") == f"({link(address, 'http://')})."


@pytest.mark.parametrize("address", ["an@a.vn", "le.duc+chat@mail.example.org", "a_b-c@x.co.uk", "1@a.vn"])
def test_a_mail_address_is_a_link(address: str) -> None:
    assert to_html(f"Gửi <{address}>, nhé!") == f"Gửi &lt;{link(address, 'mailto:')}&gt;, nhé!"


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "JaVa\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x file:///etc/passwd ftp://a.vn",
    '<ol hx-swap-oob="timeline:#messages"><li id="m-1">',
    "</div></li></ol>",
    "<!-- --> <![CDATA[ <?php",
    "&lt;script&gt; &#60;script&#62;",
    "[x](javascript:alert(1))",
    "\u202egnp.exe",
]


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_text_becomes_exactly_this_html(text: str, expected: str) -> None:
    assert to_html(text) == expected


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    html = to_html(text)
    assert "<" not in html
    assert str(html) == text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_inside_every_mark(text: str) -> None:
    inner = to_html(text)
    assert to_html(f"> {text}") == f"<blockquote>{inner}</blockquote>"
    assert to_html(f"```\n{text}\n```") == block(inner)
    assert to_html(f"**{text}**") == f"<strong>{inner}</strong>"


@pytest.mark.parametrize("text", ["http\u017f://a.example", "ma\u0130lto:a@b"])
def test_letters_that_fold_to_those_of_a_scheme_make_no_link_into_the_chat_itself(text: str) -> None:
    assert to_html(text) == text


@pytest.mark.parametrize("character", ["\u202e", "\u200b", "\u2066", '"', "<", "`"])
def test_an_address_ends_where_it_could_mislead(character: str) -> None:
    assert to_html(f"http://a.vn/{character}x").startswith(link("http://a.vn/"))


pieces = st.sampled_from(
    [
        "**",
        "*",
        "_",
        "~~",
        "`",
        "```",
        "\n",
        "\n> ",
        "\n```",
        " ",
        "a",
        "ệ",
        "<",
        ">",
        "&",
        '"',
        "'",
        "(",
        ")",
        "[",
        "]",
    ]
    + [
        "http://a.vn",
        "https://",
        "mailto:a@b",
        "&amp;",
        "<b>",
        "</em>",
        "\xa0",
        "\u202e",
        ".",
        "#",
        "/",
        "\\",
        "@",
        "%",
    ]
)
texts = st.one_of(st.text(), st.lists(pieces, max_size=40).map("".join))


@settings(deadline=None)
@given(texts)
def test_a_sanitizer_finds_nothing_to_change(text: str) -> None:
    text = clean(text, empty_is_fine=True)
    html = str(to_html(text))
    cleaned = nh3.clean(html, tags=TAGS, attributes=ATTRIBUTES, link_rel=None)
    # The sanitizer also drops addresses that lead nowhere, such as "http://[". They are harmless: see below.
    href = re.compile(r' href="([^"]*)"')
    assert href.sub("", cleaned) == href.sub("", html)
    for address in href.findall(html):
        assert re.match(r"(?ai:https?://|mailto:)[^\s<>]", address)
    assert set(re.findall(r"<(?!/)(\w+)", html)) <= TAGS


@settings(deadline=None)
@given(texts)
def test_all_is_shown_but_marks_and_the_language_of_code(text: str) -> None:
    text = clean(re.sub("`{3,}", "", text), empty_is_fine=True)
    shown = re.sub(r"<[^>]*>", "", str(to_html(text)))
    for entity, character in (("&nbsp;", "\xa0"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        shown = shown.replace(entity, character)
    assert re.sub(r"[*_~`>\n ]", "", shown) == re.sub(r"[*_~`>\n ]", "", text)


@pytest.mark.parametrize(
    "piece",
    ["*a", "*a ", "*a* ", "[", "'", '"', "_", "_a ", "> ", "\n> ", "`", "`a", "``a`", "~~a", "```\n", "```a\n", "**_a "]
    + ["http://", "http://a)", "mailto:a", "http://a" + "." * 50, "&", "<", "\n"]
    + [
        "a@",
        "a.",
        "www.",
        "www.a",
        "a@a.",
        "_!",
        "_x a_b_ ",
        "*(",
        "`` ` ",
        "- a\n",
        "1. ",
        "”",
        "（",
        "http://）",
        "a_b@",
    ],
)
def test_the_longest_message_takes_little_time_whatever_it_says(piece: str) -> None:
    text = (piece * 4_000)[:4_000] if len(piece) > 2 else piece * 4_000
    best = min(_seconds(text) for _ in range(3))
    assert best < 0.02


def _seconds(text: str) -> float:
    start = time.process_time()
    to_html(text)
    return time.process_time() - start

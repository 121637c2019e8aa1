"""Turn the text of a message into safe HTML.

The text is escaped before anything else happens, so every tag of the result is written here. Each line is read once,
from left to right; what opens and never closes stays the text it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup

# The three characters that mean something in HTML outside attributes. A quotation mark never reaches an
# attribute: the addresses of links, the only text put into one, stop in front of it.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_QUOTE = "> ".translate(_ESCAPES)
_FENCE = "```"
_INFO = re.compile(r"[\w+#.-]*")  # the name of a language after the opening fence; it is not shown

# Invisible and direction characters end an address: they would show another one than the link leads to.
_ADDRESS = '(?:[^\\s&"`\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]|&amp;)'
_TOKEN = re.compile(
    r"(?P<ticks>`{1,3})(?P<code>[^`]+)(?P=ticks)"
    rf"|(?P<link>(?<![^\W_])(?:(?a:https?)://(?=[^\W_]|\[[\da-f:]){_ADDRESS}+|(?a:mailto):[\w.+%-]+@[\w.-]*[^\W_]))"
    r"|(?P<mark>\*+|_+|~+)",
    re.IGNORECASE,
)
_ANYTHING = re.compile(r"[`*_~:]")  # without one of these no token can begin: most lines of a chat have none
_TRAILING = frozenset(".,;:!?'*_~")  # belongs to the sentence around an address rather than to the address
_BRACKETS = {")": "(", "]": "["}  # ends an address unless it was opened there
_LINK = '<a href="{0}" rel="noopener noreferrer nofollow ugc" target="_blank">{0}</a>'

_MARKS = {"**": "strong", "*": "em", "_": "em", "~~": "s"}
_BEFORE_UNDERSCORE = frozenset("([{\"'*~")  # besides a space; anything else is a name or a face: a_b, -_-


def to_html(text: str) -> Markup:
    """Return the HTML of a message's text, which must be as ``records.clean`` returns it.

    The tags are a, br, strong, em, s, code, pre and blockquote. The work grows linearly with the text.
    """
    html = "".join(_blocks(text.translate(_ESCAPES).split("\n")))
    return Markup(html.replace("\xa0", "&nbsp;"))  # noqa: S704 - the one place where HTML is made of text


def _blocks(lines: list[str]) -> Iterator[str]:
    """Yield the HTML of code blocks, quotes and the paragraphs between them."""
    plain: list[str] = []
    at = 0
    while at < len(lines):
        start, block = at, ""
        if _opens_fence(lines[at]):
            block, at = _fenced(lines, at)
        elif lines[at].startswith(_QUOTE):
            block, at = _quoted(lines, at)
        if block:
            yield from (_paragraph(plain), block)
            plain = []
        else:
            plain.append(lines[start])
            at += 1
    yield _paragraph(plain)


def _paragraph(lines: list[str]) -> str:
    # Empty lines next to a block would add to the space that its own margin makes.
    return "<br>".join(_inline(line) for line in "\n".join(lines).strip("\n").split("\n"))


def _opens_fence(line: str) -> bool:
    return line.startswith(_FENCE) and "`" not in line[len(_FENCE) :]


def _fenced(lines: list[str], at: int) -> tuple[str, int]:
    """Return the code block that begins at a line, and the line after it; without an end it is all the rest."""
    first = lines[at][len(_FENCE) :]
    code = [] if _INFO.fullmatch(first.strip()) else [first]
    for end in range(at + 1, len(lines)):
        line = lines[end].rstrip()
        if line.endswith(_FENCE):
            code += [line[: -len(_FENCE)]] if line != _FENCE else []
            break
        code.append(lines[end])
    else:
        end = len(lines)
    return '<pre tabindex="0"><code>' + "\n".join(code) + "</code></pre>", end + 1


def _quoted(lines: list[str], at: int) -> tuple[str, int]:
    """Return the quote that begins at a line, and the line after it."""
    end = at
    while end < len(lines) and (lines[end].startswith(_QUOTE) or lines[end] == _QUOTE.rstrip()):
        end += 1
    return "<blockquote>" + _paragraph([line[len(_QUOTE) :] for line in lines[at:end]]) + "</blockquote>", end


def _inline(line: str) -> str:
    """Return the HTML of one line: code, links and marks."""
    if not _ANYTHING.search(line):
        return line
    out: list[str] = []
    opened: list[tuple[str, int]] = []  # marks that may still be closed, with their places in out; one of a kind
    at = 0
    while token := _TOKEN.search(line, at):
        out.append(line[at : token.start()])
        at = token.end()
        if token["code"]:
            out.append(f"<code>{token['code']}</code>")
        elif token["link"]:
            address = _trimmed(token["link"])
            at = token.start() + len(address)
            out.append(_LINK.format(address))
        else:
            before, after = line[token.start() - 1 : token.start()] or " ", line[at : at + 1] or " "
            _mark(token["mark"], before, after, out, opened)
    out.append(line[at:])
    return "".join(out)


def _trimmed(address: str) -> str:
    """Return an address without the punctuation of the sentence that it ends."""
    surplus = {close: address.count(close) - address.count(open_) for close, open_ in _BRACKETS.items()}
    end = len(address)
    while not address.endswith("&amp;", 0, end):
        last = address[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return address[:end]


def _mark(run: str, before: str, after: str, out: list[str], opened: list[tuple[str, int]]) -> None:
    """Close what a run of marks closes, or note that it may open something; else it is text."""
    kinds = ("**", "*") if run == "***" else (run,)
    inner_first = [kind for kind, _ in reversed(opened) if kind in kinds]
    if len(inner_first) == len(kinds) and not before.isspace() and not after.isalnum():
        for kind in inner_first:
            _close(kind, out, opened)
        return
    opens = not after.isspace() and (before.isspace() or before in _BEFORE_UNDERSCORE or run != "_")
    if not opens or before.isalnum() or not all(kind in _MARKS for kind in kinds):
        out.append(run)
        return
    opened[:] = [entry for entry in opened if entry[0] not in kinds]
    for kind in kinds:
        opened.append((kind, len(out)))
        out.append(kind)


def _close(kind: str, out: list[str], opened: list[tuple[str, int]]) -> None:
    # Marks opened inside and still open are given up, so that elements never overlap.
    place = -1
    while opened and place < 0:
        inner, index = opened.pop()
        place = index if inner == kind else -1
    out[place] = f"<{_MARKS[kind]}>"
    out.append(f"</{_MARKS[kind]}>")

"""Markup of messages as safe HTML: code blocks, quotes, lists and plain lines.

The text is escaped first, so every tag in the result is written here, in ``inline`` or in ``links``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup

from chatapp.html import inline

# The three characters that are special in HTML outside attributes. A quotation mark never gets into an attribute: only
# the addresses of links do, and they end before one.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_QUOTE = "> ".translate(_ESCAPES)
_FENCE = "```"
_INFO = re.compile(r"[\w+#.-]*")  # the language after an opening fence; not shown

# List markers stay as text, so that numbers are shown and copied as they were typed.
_ITEM = re.compile(r"( *(?:-|\d{1,9}[.)]) +)(?=\S)")


def to_html(text: str) -> Markup:
    """Return the HTML of a message's text, which must be as ``texts.clean`` returns it.

    The tags are a, br, strong, em, s, code, pre, blockquote, ul, ol, li and span. Spaces, tabs and
    indentation need a style that preserves them (``white-space: pre-wrap``). Takes linear time.
    """
    html = "".join(_blocks(text.translate(_ESCAPES).split("\n")))
    return Markup(html.replace("\xa0", "&nbsp;"))  # noqa: S704 - the only place where text becomes HTML


def _blocks(lines: list[str]) -> Iterator[str]:
    """Yield the HTML of code blocks and quotes, and of the paragraphs between them."""
    plain: list[str] = []
    at, after_block = 0, False
    while at < len(lines):
        block, end = _block(lines, at)
        if block:
            yield from (_paragraph(plain, after_block=after_block, before_block=True), block)
            plain, at, after_block = [], end, True
        else:
            plain.append(lines[at])
            at += 1
    yield _paragraph(plain, after_block=after_block)


def _block(lines: list[str], at: int) -> tuple[str, int]:
    """Return the block that begins at a line, or "", and the index of the line after it."""
    if _opens_fence(lines[at]):
        return _fenced(lines, at)
    if lines[at].startswith(_QUOTE):
        return _quoted(lines, at)
    return "", at


def _paragraph(lines: list[str], *, after_block: bool = False, before_block: bool = False) -> str:
    """Return the HTML of lines and lists. The margin of a neighbouring block replaces one empty line."""
    if after_block and lines and not lines[0]:
        lines = lines[1:]
    if before_block and lines and not lines[-1]:
        lines = lines[:-1]
    out: list[str] = []
    kind = ""
    for place, line in enumerate(lines):
        item = _ITEM.match(line)
        was, kind = kind, _kind(item)
        if kind != was:
            out.append((f"</{was}>" if was else "") + (f"<{kind}>" if kind else ""))
        br = "<br>" if place < len(lines) - 1 else ""
        if item:
            out.append(f"<li><span>{item[0]}</span>{inline.html(line[item.end() :])}{br}</li>")
        else:
            out.append(inline.html(line) + br)
    return "".join(out) + (f"</{kind}>" if kind else "")


def _kind(item: re.Match[str] | None) -> str:
    """Return the list element that an item belongs to; numbers and dashes are separate lists."""
    if item is None:
        return ""
    return "ul" if "-" in item[0] else "ol"


def _opens_fence(line: str) -> bool:
    return line.startswith(_FENCE) and "`" not in line[len(_FENCE) :]


def _fenced(lines: list[str], at: int) -> tuple[str, int]:
    """Return the code block that begins at a line, and the index after it. Without an end it takes all lines."""
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
    if not any(code):
        code = [first]  # the block has only what looks like a language: show that
    return '<pre tabindex="0"><code>' + "\n".join(code) + "</code></pre>", end + 1


def _quoted(lines: list[str], at: int) -> tuple[str, int]:
    """Return the quote that begins at a line, and the index of the line after it."""
    end = at
    while end < len(lines) and (lines[end].startswith(_QUOTE) or lines[end] == _QUOTE.rstrip()):
        end += 1
    return "<blockquote>" + _paragraph([line[len(_QUOTE) :] for line in lines[at:end]]) + "</blockquote>", end

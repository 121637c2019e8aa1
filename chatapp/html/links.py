"""Links: finding web and mail addresses in a line of escaped text."""

from __future__ import annotations

import unicodedata

# Invisible and bidirectional characters end an address, because they could make it look like another one. So do
# typographic quotation marks and East Asian punctuation, which are percent-encoded in real addresses.
_ENDS = "\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff“”„‟«»‹›…。、，！？；：｡､「」『』｢｣《》〈〉【】"
_ADDRESS = f'(?:[^\\s&"`{_ENDS}]|&amp;)'
_HTTP = rf"(?a:https?)://(?=[^\W_]|\[[\da-f:]){_ADDRESS}+"
_WWW = rf"(?<![.@/-])(?a:www)\.(?=[^\W_][\w-]*\.[^\W_]){_ADDRESS}+"
# Every repetition is bounded and begins at the start of a word, so that matching takes linear time. A host must end in
# letters: most other text with an @ is not a mail address.
_MAIL = r"(?<![.+%@/-])[^\W_][\w.+%-]{0,63}@(?:[^\W_][\w-]{0,62}\.){1,8}[^\W\d_]{2,63}(?![\w@/-]|:\S)"
_MAILTO = r"(?a:mailto):[\w.+%-]{1,64}@[\w.-]{0,252}[^\W_]"

# Part of a larger expression, to be compiled with re.IGNORECASE.
PATTERN = rf"(?<![^\W_])(?:{_HTTP}|{_WWW}|{_MAILTO}|{_MAIL})"
SIGNS = "@:"  # every match of PATTERN contains one of these, or begins with PREFIX
PREFIX = "www."

_TRAILING = frozenset(".,;:!?'*_~")  # belongs to the sentence around an address
_BRACKETS = {")": "(", "]": "[", "）": "（", "］": "［", "〕": "〔"}  # ends an address unless opened in it
_LINK = '<a href="{}" rel="noopener noreferrer nofollow ugc" target="_blank">{}</a>'


def trimmed(address: str) -> str:
    """Return an address without the punctuation of the sentence around it."""
    surplus = {close: address.count(close) - address.count(open_) for close, open_ in _BRACKETS.items()}
    end = len(address)
    while not address.endswith("&amp;", 0, end):
        last = address[end - 1]
        if last in _BRACKETS:
            if surplus[last] <= 0:
                break
            surplus[last] -= 1
        elif last not in _TRAILING and not _is_typographic(last):
            break
        end -= 1
    return address[:end]


def html(address: str) -> str:
    """Return the HTML of a link that shows an address as it was typed."""
    start = address.casefold()
    if start.startswith(PREFIX):
        return _LINK.format(f"http://{address}", address)
    if start.startswith(("http://", "https://", "mailto:")):
        return _LINK.format(address, address)
    return _LINK.format(f"mailto:{address}", address)


def _is_typographic(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character).startswith("P")

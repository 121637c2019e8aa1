"""Which messages consist of a few emoji and nothing else: they are shown large.

The grammar is that of Unicode Technical Standard 51, 1.4.9: what looks like one picture counts as one, be it a flag of
two letters, a keycap, a hand with a skin tone or a family of seven code points joined by ZERO WIDTH JOINER.
"""

from __future__ import annotations

import re

MOST = 3  # emoji that are shown large; more are a sentence
_PARTS = 8  # pictures joined into one; the longest that are recommended have four
_LENGTH = 100  # characters that three emoji can have, with room for a space between them: no more are looked at

# Shown as a picture by themselves (Emoji_Presentation of emoji-data.txt, Unicode 17); the blocks of pictographs are
# included whole, because emoji are added there every year.
_SHOWN = (
    "\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab\u26bd\u26be"
    "\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757"
    "\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55"
    "\U0001f004\U0001f0cf\U0001f18e\U0001f191-\U0001f19a\U0001f201\U0001f21a\U0001f22f\U0001f232-\U0001f236"
    "\U0001f238-\U0001f23a\U0001f250\U0001f251\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7f0"
    "\U0001f90c-\U0001f9ff\U0001fa70-\U0001faff"
)
# Letters, arrows and signs that are emoji only when U+FE0F, a skin tone or a joined picture says so: a heart, a sun.
_ASKED = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u2328-\u23fa\u24c2\u25aa-\u27bf\u2934\u2935\u2b05-\u2b07\u3030"
    "\u303d\u3297\u3299\U0001f170-\U0001f251"
)
_TONE = "\U0001f3fb-\U0001f3ff"
_TAGS = "(?:[\U000e0020-\U000e007e]{1,8}\U000e007f)?"  # of a flag of England, Scotland, Wales
_AFTER = f"\ufe0f?[{_TONE}]?{_TAGS}"
_FIRST = f"(?:[{_SHOWN}]|[{_ASKED}](?=[\ufe0f\u200d{_TONE}])){_AFTER}"
_JOINED = f"\u200d[{_SHOWN}{_ASKED}]{_AFTER}"
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_KEYCAP = "[0-9#*]\ufe0f?\u20e3"
_ONE = f"(?:{_FLAG}|{_KEYCAP}|{_FIRST}(?:{_JOINED}){{0,{_PARTS - 1}}})"
_ONLY = re.compile(rf"\s*(?:{_ONE}\s*){{1,{MOST}}}")


def only(text: str) -> bool:
    """Tell whether a text consists of one to three emoji and perhaps blanks between them."""
    return len(text) <= _LENGTH and _ONLY.fullmatch(text) is not None

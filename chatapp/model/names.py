"""Usernames: which are allowed, which are the same, and what stands for them where there is no picture."""

from __future__ import annotations

import unicodedata

from chatapp.model.normal import normalize
from chatapp.model.refusals import Rejected
from chatapp.model.texts import BLANK

LIMIT = 32  # characters; fits beside a message on a phone
# Characters of a new name as it came in: none decomposes into more than four, so a longer one cannot come to fit.
_TYPED_LIMIT = 4 * LIMIT
LOOKUP_LIMIT = 200  # characters of a name that is looked up; longer ones are nobody's, and are not folded
MARKS_LIMIT = 3  # combining marks in a row: enough for any language, too few to climb over other lines
HUES = 12

# Unicode Technical Standard 39, 5.2, "moderately restrictive": a script goes with itself and with Latin; those whose
# letters have twins among the Latin ones (Cyrillic а, Latin a) only with themselves; Han with its companions.
_TWINS_OF_LATIN = {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"}
_HAN_SETS = ({"CJK", "HIRAGANA", "KATAKANA"}, {"CJK", "BOPOMOFO"}, {"CJK", "HANGUL"})
_NO_SCRIPTS = {"", "MODIFIER", "IDEOGRAPHIC", "KATAKANA-HIRAGANA", "MICRO", "FEMININE", "MASCULINE"}
_SKIN_TONES = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")


def check(name: str) -> str:
    """Return a new username in NFC. Raise Rejected with the reason why it cannot be one."""
    typed, name = name, normalize("NFC", name[:_TYPED_LIMIT])
    if not typed.strip():
        raise Rejected("name_empty")
    if len(typed) > _TYPED_LIMIT or len(name) > LIMIT:
        raise Rejected("name_too_long", limit=LIMIT)
    _check_characters(name)
    _check_scripts(name)
    return name


def _check_characters(name: str) -> None:
    categories = [unicodedata.category(character) for character in name]
    kinds = "".join(category[0] for category in categories)
    if "C" in kinds or "Zl" in categories or "Zp" in categories or BLANK.search(name):
        raise Rejected("name_invisible")
    if name != name.strip():
        raise Rejected("name_spaces")
    if "ZZ" in kinds or kinds.count("Z") != name.count(" "):
        raise Rejected("name_spaces.inside")
    if kinds.startswith("M") or "ZM" in kinds or "M" * (MARKS_LIMIT + 1) in kinds:
        raise Rejected("name_marks")
    # Names are parts of addresses: /direct/NAME. Browsers take these away or read them as folders.
    if "/" in name or "\\" in name or key(name) in (".", ".."):
        raise Rejected("name_slash")


def _check_scripts(name: str) -> None:
    """Refuse letters of scripts that nobody writes together. The first word of a letter's name is its script."""
    letters = [letter for letter in normalize("NFKC", name) if letter.isalpha()]
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters} - _NO_SCRIPTS
    if len(scripts) < 2 or any(scripts <= companions | {"LATIN"} for companions in _HAN_SETS):
        return
    if len(scripts) > 2 or "LATIN" not in scripts or scripts & _TWINS_OF_LATIN:
        raise Rejected("name_scripts")


def may_exist(name: str) -> bool:
    """Tell whether a name that came in can be somebody's at all. Ask before ``key`` is made of it.

    It cannot if it is too long, or holds half a character, which no database keeps.
    """
    if len(name) > LOOKUP_LIMIT:
        return False
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def key(name: str) -> str:
    """Return what the spellings of one name have in common: compatibility forms and case are folded."""
    folded, last = normalize("NFKC", name).casefold(), None
    while folded != last:
        folded, last = normalize("NFKC", folded).casefold(), folded
    return normalize("NFC", folded)


def initials(name: str) -> str:
    """Return one or two capitals that stand for a name, of its first and of its last word."""
    words = normalize("NFC", name).split()
    return "".join(_initial(word) for word in (words if len(words) < 2 else (words[0], words[-1])))


def _initial(word: str) -> str:
    start = next((place for place, character in enumerate(word) if character.isalnum()), 0)
    end = start + 1
    while end < len(word) and (unicodedata.combining(word[end]) or word[end] in _SKIN_TONES):
        end += 1
    letter = word[start:end]
    capital = normalize("NFC", letter.upper())
    return capital if len(capital) == len(letter) else letter  # "ß" would become two letters


def hue(user_id: int) -> int:
    """Return the colour, 0 to 11, that stands for a user; users who joined together get unlike ones."""
    return user_id * 5 % HUES

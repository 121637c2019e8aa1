"""Names that a hurried eye takes for one another although their letters differ.

After the skeletons of Unicode Technical Standard 39, section 4, with the letters that fonts draw alike in the scripts
that people mix up in practice; not its whole table.
"""

from __future__ import annotations

from functools import lru_cache

from chatapp.model.normal import normalize

# What is drawn like the letters of the first column. Compatibility forms (full width, mathematical) are folded before.
_ALIKE = {
    "A": "АΑᎪꓮᗅ",
    "a": "аαɑ",
    "B": "ВΒᏴꓐ",
    "b": "ЬᏏ",
    "C": "СᏟꓚⲤ",
    "c": "сⲥᴄ",
    "D": "Ꭰꓓ",
    "d": "ԁᏧ",
    "E": "ЕΕᎬꓰ",
    "e": "еҽ",
    "F": "Ϝꓝ",
    "G": "ԌᏀꓖ",
    "g": "ɡցᶃ",
    "H": "НΗᎻꓧ",
    "h": "һհᏂ",
    "i": "іιıɩɪᎥ",
    "J": "ЈͿᎫꓙ",
    "j": "јϳյȷ",
    "K": "КΚᏦꓗ",
    "L": "ԼᏞꓡ",
    "l": "I1|ІΙӀӏǀƖاߊןⵏꓲ",
    "M": "МΜᎷꓟϺ",
    "N": "Νꓠ",
    "n": "ոռ",
    "O": "0ОΟՕꓳⲞ߀𐊒",
    "o": "оοσօⲟഠം๐໐၀०০੦૦௦౦೦",
    "P": "РΡᏢꓑ",
    "p": "рρⲣ",
    "Q": "Ԛⵕ",
    "q": "ԛզգ",
    "R": "ᎡᏒꓣ",
    "r": "гᴦⲅ",
    "S": "ЅՏᏕᏚꓢ",
    "s": "ѕƽꜱ",
    "T": "ТΤᎢꓔ",
    "U": "ՍꓴႮ",
    "u": "υսᴜ",
    "V": "ѴᏙꓦ",
    "v": "νѵᴠ",
    "W": "ԜᎳᏔꓪ",
    "w": "ԝաᴡ",
    "X": "ХΧꓫⲬ",
    "x": "х᙮",
    "Y": "УΥҮᎩꓬ",
    "y": "уγүʏ",
    "Z": "ΖᏃꓜ",
    "z": "ᴢ",
    "3": "ЗӠƷȜꝪ",
    "6": "бᏮ",
    "4": "Ꮞ",
    "'": "’‘`ʹʻʼʽˈꞌ′",
    "-": "‐‒–—−ー一˗⁃",
    ".": "٠۰",
    "!": "ǃⵑ",
    ":": "ː׃։꞉",
    "ヘ": "へ",
    "ニ": "二",
    "ハ": "八",
    "ロ": "口",
    "タ": "夕",
    "カ": "力",
    "エ": "工",
    "ト": "卜",
    "rn": "m",
}
_PROTOTYPES = str.maketrans({letter: prototype for prototype, letters in _ALIKE.items() for letter in letters})


@lru_cache(maxsize=10_000)
def skeleton(name: str) -> str:
    """Return what names that look alike have in common. It is for comparing, never to be shown."""
    drawn = normalize("NFD", normalize("NFKC", name)).translate(_PROTOTYPES)
    return normalize("NFD", drawn.casefold().translate(_PROTOTYPES))

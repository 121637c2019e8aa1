// How names are sorted and found by typing, as chatapp/collation.py does it: the reasons stand there.

const TONES = "\u0300\u0309\u0303\u0301\u0323";
const LETTERS = { a: "\u0306\u0302", d: "\u0335", e: "\u0302", o: "\u0302\u031b", u: "\u031b" };
const PLAIN = { đ: "d\u0335", ø: "o\u0338", ł: "l\u0335", ß: "ss", æ: "ae", œ: "oe", ı: "i", ð: "d", þ: "th" };
const KINDS = [/^\s/, /^[^\p{L}\p{Nd}]/u, /^\p{Nd}/u, /^\p{L}/u];

export function fold(text) {
  return letters(text)
    .map(({ letter }) => letter)
    .join("");
}

// Compare two names for a reader of a language: below zero when the first one comes first.
export function compare(a, b, language) {
  const [one, other] = [key(a, language), key(b, language)];
  return order(one.first, other.first) || order(one.second, other.second) || order([...swap(a)], [...swap(b)]);
}

function key(text, language) {
  const all = letters(text);
  const special = ({ letter }) => (language === "vi" && LETTERS[letter]) || "";
  return {
    first: all.map((item) => [
      KINDS.findIndex((kind) => kind.test(item.letter)),
      item.letter.codePointAt(0),
      Math.max(0, ...item.marks.map((mark) => special(item).indexOf(mark) + 1)),
    ]),
    second: all.map((item) =>
      item.marks
        .filter((mark) => !special(item).includes(mark))
        .map((mark) => TONES.indexOf(mark) + 1 || mark.codePointAt(0))
        .sort((a, b) => a - b),
    ),
  };
}

function letters(text) {
  const found = [];
  const plain = text.toLowerCase().replace(/[đøłßæœıðþ]/g, (letter) => PLAIN[letter]);
  for (const letter of plain.normalize("NFKD")) {
    if (!/^\p{M}/u.test(letter)) found.push({ letter, marks: [] });
    else found.at(-1)?.marks.push(letter);
  }
  return found;
}

// Lists of numbers, of texts and of such lists, by their first difference; what ends before it comes first.
function order(a, b) {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = Array.isArray(a[i]) ? order(a[i], b[i]) : (a[i] > b[i]) - (a[i] < b[i]);
    if (difference) return difference;
  }
  return a.length - b.length;
}

function swap(text) {
  return text.replace(/./gu, (one) => (one === one.toLowerCase() ? one.toUpperCase() : one.toLowerCase()));
}

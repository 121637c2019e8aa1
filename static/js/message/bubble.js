// Parts of your own messages that the page draws itself until the server's rendering is there.

import { make } from "../lib/make.js";
import { word } from "../lib/words.js";

// One to three emoji alone are shown large, as the server will do: emoji.py has the grammar.
const PICTURE = "(?:(?!\\p{RI})\\p{EPres}|\\p{ExtPict}(?=[\\ufe0f\\u200d\\p{EMod}]))[\\ufe0f\\p{EMod}\\u{e0020}-\\u{e007f}]*";
const JOINED = `${PICTURE}(?:\\u200d\\p{ExtPict}[\\ufe0f\\p{EMod}]*){0,7}`;
const FEW = new RegExp(`^\\s*(?:(?:\\p{RI}{2}|[0-9#*]\\ufe0f?\\u20e3|${JOINED})\\s*){1,3}$`, "u");

export function text(content) {
  const lines = content.trimEnd().split("\n");
  const parts = lines.flatMap((line, i) => (i ? [make("br"), line] : [line]));
  return make("div", { class: FEW.test(content) ? "text large" : "text" }, ...parts);
}

export function failure(sentence, entry) {
  const said = entry.reason ? `${sentence} ${entry.reason}` : sentence;
  return [make("span", {}, said), " ", button("retry"), " ", button("discard")];
}

// The composer handles the buttons, because discarded text returns to it.
export function button(name) {
  return make("button", { type: "button", "data-pending": name }, word(name));
}

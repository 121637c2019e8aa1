// Pieces of own messages that the page draws itself, until the server's rendering is there.

import { make } from "./page.js";
import { word } from "./words.js";

export function text(content) {
  const lines = content.trimEnd().split("\n");
  return make("div", { class: "text" }, ...lines.flatMap((line, i) => (i ? [make("br"), line] : [line])));
}

export function failure(sentence, entry) {
  const said = entry.reason ? `${sentence} ${entry.reason}` : sentence;
  return [make("span", {}, said), " ", button("retry"), " ", button("discard")];
}

// What the buttons do is the composer's business: it takes back what is discarded.
export function button(name) {
  return make("button", { type: "button", "data-pending": name }, word(name));
}

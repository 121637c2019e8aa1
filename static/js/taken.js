// What was taken back from the outbox. Its text returns to the empty box; from one that is in use it comes back by Undo.
// Either way under its old key: the server may have it, for all that this page knows, and then it stays one message.

import { make } from "./page.js";
import * as sender from "./sender.js";
import { word } from "./words.js";

const OFFERED = 30_000; // ms that Undo is offered: nobody but this page has the text any more

let back = null; // the entry whose text went back into the box
let gone = null; // the entry that Undo brings back
let timer;

export function start() {
  document.addEventListener("click", ({ target }) => target.closest("#undo [data-discarded]") && undo());
}

// The text is in the box again.
export function returned(entry) {
  back = entry;
  say(entry.flown ? word("taken_late") : "");
}

// The text is nowhere any more, unless somebody wants it after all.
export function offer(entry) {
  gone = entry;
  const button = make("button", { type: "button", "data-discarded": "" }, word("undo"));
  say([word("discarded"), entry.flown ? word("taken_late") : ""].join(" "), button);
}

// The key to send a text under: that of the message which it was, if that may be with the server.
export function keyOf(conversation, content) {
  const entry = back;
  back = null;
  const isSame = entry?.flown && !entry.target && entry.conversation === conversation && entry.content === content;
  return isSame && entry.code !== "key_conflict" ? entry.key : undefined;
}

function undo() {
  clear();
  if (gone) sender.restore(gone);
  gone = null;
  document.getElementById("text")?.focus({ preventScroll: true });
}

function say(text, ...buttons) {
  clearTimeout(timer);
  document.getElementById("undo")?.replaceChildren(...(text ? [make("span", {}, text), " ", ...buttons] : []));
  if (text) timer = setTimeout(fade, OFFERED);
}

// Not under the hand of whoever is about to press it.
function fade() {
  if (document.querySelector("#undo:is(:hover, :focus-within)")) timer = setTimeout(fade, 1_000);
  else clear();
}

function clear() {
  say("");
}

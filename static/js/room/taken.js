// Messages discarded from the outbox. The text returns to the box if that is empty; otherwise Undo brings it back.
// Either way it keeps its key: the server may have it already, and then it stays one message.

import * as sender from "../chat/sender.js";
import { make } from "../lib/make.js";
import { word } from "../lib/words.js";

const OFFERED = 30_000; // ms that Undo is offered: only this page still has the text

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

// The text is gone unless Undo is pressed.
export function offer(entry) {
  gone = entry;
  const button = make("button", { type: "button", "data-discarded": "" }, word("undo"));
  say([word("discarded"), entry.flown ? word("taken_late") : ""].join(" "), button);
}

// The key to send a text under: its old one, if the server may have the message already.
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

// Not while someone is about to press it.
function fade() {
  if (document.querySelector("#undo:is(:hover, :focus-within)")) timer = setTimeout(fade, 1_000);
  else clear();
}

function clear() {
  say("");
}

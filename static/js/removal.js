// Removing an own message: at once, without a question, and with a way back for a while.

import * as changes from "./changes.js";
import { make } from "./page.js";
import * as sender from "./sender.js";
import { word } from "./words.js";

const OFFERED = 10_000; // ms that the way back is offered; the server takes it a little longer

let timer;

export function start() {
  document.addEventListener("click", ({ target }) => target.closest("#undo button:not([data-discarded])") && undo());
}

export function remove(item) {
  const id = Number(item.dataset.mid);
  if (!changes.add("remove", id, Number(item.dataset.rev))) return;
  const line = document.getElementById("undo");
  line.dataset.mid = id;
  line.replaceChildren(make("span", {}, word("removed_now")), " ", make("button", { type: "button" }, word("undo")));
  clearTimeout(timer);
  timer = setTimeout(fade, OFFERED);
  sender.pump();
}

// A removal that never left is simply forgotten.
function undo() {
  const id = Number(document.getElementById("undo").dataset.mid);
  const removal = changes.last(id);
  clear();
  document.getElementById("text").focus({ preventScroll: true });
  if (removal?.kind === "remove" && removal.state === "queued" && !removal.sentAt) sender.discard(removal.key);
  else changes.add("restore", id, removal?.rev ?? Number(document.getElementById(`m-${id}`)?.dataset.rev));
  sender.pump();
}

// Not under the hand of whoever is about to press it.
function fade() {
  if (document.querySelector("#undo:is(:hover, :focus-within)")) timer = setTimeout(fade, 1_000);
  else clear();
}

function clear() {
  clearTimeout(timer);
  document.getElementById("undo")?.replaceChildren();
}

// Removing one of your own messages: at once, without a question, and with Undo for a while.

import * as sender from "../../chat/sender.js";
import { make } from "../../lib/make.js";
import { word } from "../../lib/words.js";
import { land } from "../../room/roving.js";
import { find } from "../actions.js";
import * as changes from "./changes.js";

let timer;

export function start() {
  document.addEventListener("click", ({ target }) => target.closest("#undo button:not([data-discarded])") && undo());
}

export function remove(item) {
  land(item); // the focused element is removed together with the message's content
  const id = Number(item.dataset.mid);
  if (!changes.add("remove", id, Number(item.dataset.rev))) return;
  const line = document.getElementById("undo");
  line.dataset.mid = id;
  line.replaceChildren(make("span", {}, word("removed_now")), " ", make("button", { type: "button" }, word("undo")));
  clearTimeout(timer);
  timer = setTimeout(fade, Number(find("restore").offered));
  sender.pump();
}

// A removal that was never sent is simply dropped.
function undo() {
  const id = Number(document.getElementById("undo").dataset.mid);
  const removal = changes.last(id);
  clear();
  document.getElementById("text").focus({ preventScroll: true });
  if (removal?.kind === "remove" && removal.state === "queued" && !removal.sentAt) sender.discard(removal.key);
  else changes.add("restore", id, removal?.rev ?? Number(document.getElementById(`m-${id}`)?.dataset.rev));
  sender.pump();
}

// Not while someone is about to press it.
function fade() {
  if (document.querySelector("#undo:is(:hover, :focus-within)")) timer = setTimeout(fade, 1_000);
  else clear();
}

function clear() {
  clearTimeout(timer);
  document.getElementById("undo")?.replaceChildren();
}

// The box to write in: sends, grows, counts, and keeps what is typed. Its text is never rewritten while somebody
// types: Vietnamese keyboards on Windows correct letters by fake backspaces, and would eat what was put in.

import { limits } from "../chat/limits.js";
import * as outbox from "../chat/outbox.js";
import { composer, endsAtNewest, page } from "../chat/page.js";
import * as presence from "../chat/presence.js";
import * as sender from "../chat/sender.js";
import { erase, read, write } from "../lib/storage.js";
import { isTouch } from "../lib/touch.js";
import { word } from "../lib/words.js";
import { actOnNewest } from "../message/acting.js";
import { withKey } from "../message/actions.js";
import * as revision from "../message/revision.js";
import * as conversation from "./conversation.js";
import * as pictures from "./pictures.js";
import { refuse } from "./refusal.js";
import * as scroll from "./scroll.js";
import * as taken from "./taken.js";

const COUNT_FROM = 400; // characters before the limit at which the counter appears
const KEEP = 250; // ms after a keystroke until the draft is kept

let keepTimer;
let keeping = null; // what the timer will keep: the box may be of another room by then

export function start() {
  document.addEventListener("keydown", keydown);
  document.addEventListener("input", ({ target }) => target.id === "text" && typed(target));
  document.addEventListener("submit", submit);
  document.addEventListener("click", pressed);
  for (const type of ["beforeunload", "pagehide"]) addEventListener(type, keep); // before the outbox looks what is kept
  revision.start(put);
  taken.start();
}

// Another conversation is on the page: its draft comes back, and on a computer so does the focus.
export function adopt(first) {
  keep();
  const box = document.getElementById("text");
  if (!box) return first || heading();
  box.enterKeyHint = isTouch() ? "enter" : "send";
  if (!box.value) fill(read(revision.draftName()) ?? "");
  else grow(box);
  count(box);
  revision.adopt();
  if (first) return;
  if (isTouch()) heading();
  else box.focus({ preventScroll: true });
}

// Put a text into an empty box, the caret behind it. False when the box holds something else.
export function fill(text) {
  const box = document.getElementById("text");
  if (!box || box.value.trim()) return false;
  put(text);
  return true;
}

function put(text) {
  const box = document.getElementById("text");
  keep();
  box.value = text;
  box.setSelectionRange(text.length, text.length);
  grow(box);
  count(box);
}

function keydown(event) {
  // Safari ends a composition before its Enter arrives: only the key code 229 tells that it was not a plain one.
  if (event.isComposing || event.keyCode === 229) return;
  if (isEditing() && event.key === "Escape" && event.target.closest(".foot")) return leave(event);
  if (event.target.id !== "text") return;
  const action = !event.target.value && withKey(event.key);
  if (action) return actOnNewest(action);
  if (event.key !== "Enter") return;
  const always = event.ctrlKey || event.metaKey;
  if (!always && (event.shiftKey || event.altKey || isTouch())) return;
  event.preventDefault();
  if (!event.repeat) composer().requestSubmit();
}

function leave(event) {
  event.preventDefault();
  revision.editing.close();
}

function submit(event) {
  if (event.target.id !== "composer") return;
  event.preventDefault();
  const box = document.getElementById("text");
  const over = length(box.value) - limits.content;
  if (over > 0) return refuse(counted("too_long", over));
  if (isEditing()) return revision.editing.save(box.value);
  const chosen = pictures.chosen();
  if (!box.value.trim() && !chosen.length) return;
  const action = composer().getAttribute("action");
  const files = chosen.length ? chosen : undefined;
  const key = files ? undefined : taken.keyOf(page.conversation, box.value);
  if (!outbox.add(page.conversation, { content: box.value, action, files, key })) return refuse(word("full"));
  pictures.clear();
  empty(box);
  if (endsAtNewest()) scroll.toBottom();
  else scroll.jump();
  sender.pump();
}

function isEditing() {
  return Boolean(revision.editing?.isOpen());
}

function empty(box) {
  box.value = "";
  keeping = null;
  erase(revision.draftName());
  refuse();
  grow(box);
  count(box);
}

function typed(box) {
  grow(box);
  count(box);
  keeping = isEditing() ? revision.editing.note(box.value) : [revision.draftName(), box.value];
  clearTimeout(keepTimer);
  keepTimer = setTimeout(keep, KEEP);
  if (box.value.trim() && !isEditing() && conversation.isLive()) presence.type();
}

function keep() {
  if (!keeping) return;
  const [name, value] = keeping;
  keeping = null;
  if (value) write(name, value);
  else erase(name);
}

// Browsers without `field-sizing` get rows; the style sheet's maximum still holds. (Not a style attribute: htmx
// copies those from the old page to the new one, which the content policy reports.)
function grow(box) {
  if (CSS.supports("field-sizing", "content")) return;
  box.rows = 1;
  box.rows = 1 + Math.round((box.scrollHeight - box.clientHeight) / parseFloat(getComputedStyle(box).lineHeight));
}

function count(box) {
  const counter = document.getElementById("counter");
  const left = box.value.length > limits.content - COUNT_FROM ? limits.content - length(box.value) : Infinity;
  counter.hidden = left >= COUNT_FROM;
  counter.textContent = counter.hidden ? "" : counted(left < 0 ? "over" : "counter", Math.abs(left));
  counter.classList.toggle("bad", left < 0);
}

function counted(name, n) {
  return n === 1 ? word(`${name}_one`) : word(name, { n });
}

// As the server counts: characters of the normal form, not UTF-16 units.
function length(text) {
  return [...text.trimEnd().normalize("NFC")].length;
}

// Try again, Discard and Cancel in the messages on their way. What is taken back returns to an empty box.
function pressed(event) {
  const button = event.target.closest("[data-pending]");
  if (!button) return;
  const { key } = button.closest("[data-key]").dataset;
  refuse();
  if (button.dataset.pending === "retry") sender.retry(key);
  else takeBack(sender.discard(key));
  document.getElementById("text").focus({ preventScroll: true });
}

function takeBack(entry) {
  if (!entry) return;
  if (isEditing() || pictures.chosen().length || !fill(entry.content)) return taken.offer(entry);
  if (entry.files) pictures.put(entry.files);
  taken.returned(entry);
  typed(document.getElementById("text"));
}

function heading() {
  const title = document.querySelector("#main h1");
  if (!title) return;
  title.tabIndex = -1;
  title.focus({ preventScroll: true });
}

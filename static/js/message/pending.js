// Your own messages on their way: a placeholder until the server's rendering is there, and a line that says how far it
// is.

import * as outbox from "../chat/outbox.js";
import { endsAtNewest, page } from "../chat/page.js";
import * as sender from "../chat/sender.js";
import { make } from "../lib/make.js";
import { write } from "../lib/times.js";
import { word } from "../lib/words.js";
import * as announce from "../room/announce.js";
import { load } from "../room/pictures.js";
import { hold } from "../room/scroll.js";
import { arrange, last } from "../room/timeline.js";
import { button, failure, text } from "./bubble.js";
import * as revision from "./revision.js";

const drawn = new WeakMap(); // state line -> what it shows
let timer; // for the next one whose patience ends

// Show every message of the outbox once: in its place when the server's rendering is there, else after all others.
export function paint() {
  clearTimeout(timer);
  const rest = Math.min(...outbox.entries(page.conversation).map(sender.patience).filter((wait) => wait > 0));
  if (rest < Infinity) timer = setTimeout(paint, rest + 20);
  revision.paint();
  if (!endsAtNewest()) return;
  const waiting = outbox.entries(page.conversation).filter((entry) => !entry.target);
  const left = [...page.list.querySelectorAll(".msg[data-key]:not([data-mid])")];
  if (!waiting.length && !left.length) return;
  hold(() => {
    const gone = left.filter((item) => !waiting.some((entry) => entry.key === item.dataset.key));
    gone.forEach((item) => item.remove());
    const made = waiting.filter((entry) => !bubble(entry.key)).map(place);
    if (made.length) sort(waiting);
    if (gone.length || made.length) arrange(last()); // they stand below all others
    for (const entry of waiting) show(bubble(entry.key), entry);
  });
}

// The server's rendering of your own message is there: it replaces the placeholder.
export function claim(item, key) {
  const old = bubble(key);
  if (old === item) return;
  if (old && !old.dataset.mid) old.remove();
  else if (old) delete old.dataset.key;
  item.dataset.key = key;
}

// Mark your own message as saved; the style sheet shows the word as a quiet tick.
export function seal(id) {
  const item = document.getElementById(`m-${id}`);
  if (!item || item.dataset.state === "saved") return;
  delete item.dataset.key;
  item.dataset.state = "saved";
  item.querySelector(".state").textContent = word("saved");
}

function bubble(key) {
  return page.list.querySelector(`.msg[data-key="${key}"]`);
}

// A message that comes back to the outbox stands before those written after it.
function sort(waiting) {
  const items = waiting.map((entry) => bubble(entry.key)).filter((item) => !item.dataset.mid);
  page.list.append(...items);
}

function place(entry) {
  const item = document.getElementById("pending").content.querySelector(".msg").cloneNode(true);
  for (const name of ["id", "data-mid", "data-rev"]) item.removeAttribute(name);
  item.dataset.key = entry.key;
  item.querySelector(".when").removeAttribute("href");
  item.querySelector("time").dateTime = new Date().toISOString();
  write(item);
  const inside = [...(entry.files ? [shots(entry)] : []), ...(entry.content ? [text(entry.content)] : [])];
  item.querySelector(".bub").classList.toggle("pic", Boolean(entry.files));
  item.querySelector(".bub").replaceChildren(...inside);
  page.list.append(item);
}

function shots(entry) {
  const pictures = entry.files.map((file) => {
    const image = make("img", { alt: file.name });
    load(image, file);
    return make("span", { class: "shot" }, image);
  });
  return make("div", { class: `shots n${pictures.length}` }, ...pictures);
}

// Write the state line only when it says something else: its buttons may have the focus.
function show(item, entry) {
  const isLate = sender.patience(entry) <= 0;
  const uploading = entry.state === "sending" && entry.files && !isLate;
  const state = isLate ? "failed" : entry.state;
  const status = state === "failed" ? entry.reason : sender.status(entry);
  const kind = uploading ? "upload" : `${isLate} ${state} ${status}`;
  const line = item.querySelector(".state");
  if (isLate && item.dataset.state !== state) announce.tell(word("late"));
  item.dataset.state = state;
  if (drawn.get(line) !== kind) {
    drawn.set(line, kind);
    const said = state === "failed" ? failure(word(isLate ? "late" : "failed"), entry) : [status];
    line.replaceChildren(...(uploading ? progress() : said));
  }
  if (uploading) measure(line, entry.progress ?? 0);
}

function progress() {
  const bar = make("progress", { max: "1", value: "0", "aria-label": word("sending") });
  return [bar, make("span", { class: "percent" }), " ", button("cancel")];
}

function measure(line, fraction) {
  line.querySelector("progress").value = fraction;
  line.querySelector(".percent").textContent = word("uploading", { percent: Math.floor(fraction * 100) });
}

// The list of messages: ordered by id whatever order they come in, each once, grouped into runs, cut into days.

import { endsAtNewest, latest, page, path, person } from "../chat/page.js";
import { make } from "../lib/make.js";
import * as times from "../lib/times.js";
import { localise, word } from "../lib/words.js";
import { hold, isNear } from "./scroll.js";

const RUN = 5 * 60_000; // ms between two messages of one author that still stand together
const MOST = 300; // messages kept in the page; older ones are a scroll away
const SPARE = 20; // more than these before any are removed, so that the link does not move on every message

// A new list is on the page: add what the server could not know about its reader.
export function adopt() {
  times.write(page.list);
  arrange();
}

// Put messages in by id. A known one is replaced, unless what is shown is as new or newer. On a page that does not
// end at the newest, `live` messages are only counted. Return the messages that were not known before.
export function insert(items, live) {
  const sorted = [...items].sort((a, b) => a.dataset.mid - b.dataset.mid);
  return hold(() => {
    const fresh = sorted.filter((item) => place(item, live));
    const first = sorted.find((item) => item.isConnected);
    if (first) arrange(neighbour(first, "previousElementSibling"));
    sweep(); // the line above a placeholder stays behind when the message takes its place elsewhere
    if (live) trim();
    else extend(fresh);
    return fresh;
  });
}

export function remove(ids) {
  hold(() => {
    for (const id of ids) drop(document.getElementById(`m-${id}`));
    arrange();
    sweep();
  });
}

export function messages() {
  return page.list ? [...page.list.querySelectorAll("[data-mid]")] : [];
}

export function newest() {
  return Number(last()?.dataset.mid ?? 0);
}

// How many messages of others stand above one id and up to another one, without some.
export function others(above, upto, without) {
  const between = (id) => id > above && id <= upto && !without.has(id);
  return messages().filter((item) => between(Number(item.dataset.mid)) && !isOwn(item)).length;
}

// A later revision of a message: it was edited, removed or taken back.
export function isRevised(item) {
  return Number(item.dataset.rev) > Number(item.dataset.mid);
}

export function isOwn(item) {
  return item.dataset.author === person.id;
}

// Days, runs and sides, downwards from a message that is in order already, or from the top.
export function arrange(start = null) {
  let before = start && facts(start);
  let item = start ? neighbour(start) : page.list.querySelector(".msg");
  for (; item; item = neighbour(item)) {
    const now = facts(item);
    const divided = divide(item, now.day, before?.day);
    const joined = !divided && before.author === now.author && Math.abs(now.at - before.at) < RUN;
    item.classList.toggle("own", isOwn(item));
    item.classList.toggle("first", !joined);
    before?.item.classList.toggle("last", !joined);
    before = now;
  }
  before?.item.classList.add("last");
}

// Keep the page light: with the reader at the bottom nothing that is removed was visible. Below a reader further up the
// page grows to twice that, and then ends: what comes is only counted.
export function trim() {
  const count = page.list.childElementCount;
  if (!isNear()) return count > 2 * MOST && endsAtNewest() ? part() : undefined;
  if (count > MOST + SPARE) shorten();
}

// Older or newer messages joined the list. If a reader scrolls down for long, the oldest are removed.
function extend(fresh) {
  const [first] = messages();
  const start = document.querySelector("#older a") ? Number(first?.dataset.mid ?? 0) - 1 : 0;
  page.list.dataset.start = Math.min(page.list.dataset.start, start);
  if (page.list.childElementCount > 2 * MOST && fresh.includes(last())) shorten();
}

function shorten() {
  const extra = messages().slice(0, -MOST);
  if (!extra.length) return;
  const line = page.list.querySelector(".newline");
  if (line && extra.includes(neighbour(line))) line.remove();
  extra.forEach(drop);
  const top = page.list.querySelector(".msg");
  divide(top, facts(top).day);
  top.classList.add("first");
  sweep();
  page.list.dataset.start = top.dataset.mid - 1;
  linkOlder(top.dataset.mid);
}

function facts(item) {
  const at = Date.parse(item.querySelector("time").dateTime);
  return { item, at, author: item.dataset.author, day: times.dayOf(at) };
}

function neighbour(item, step = "nextElementSibling") {
  do item = item[step];
  while (item && !item.matches(".msg"));
  return item;
}

// The last message with an id below this one; lines and placeholders have none.
export function last(below = Infinity) {
  let item = page.list.lastElementChild;
  while (item && !(Number(item.dataset.mid) < below)) item = item.previousElementSibling;
  return item;
}

function place(item, live) {
  const id = Number(item.dataset.mid);
  const shown = document.getElementById(`m-${id}`);
  if (shown) {
    if (Number(item.dataset.rev) > Number(shown.dataset.rev)) replace(shown, item);
    return false;
  }
  if (live && isRevised(item) && isElsewhere(id)) return false;
  if (live && !endsAtNewest()) return true;
  dress(item);
  // Directly after the message before it: lines that stand there belong to the message after it.
  const before = last(id);
  if (before) before.after(item);
  else page.list.prepend(item);
  return true;
}

// Whether an id belongs to a part that this page has not loaded: above its oldest message, or below its newest.
function isElsewhere(id) {
  if (!endsAtNewest()) return true;
  const oldest = messages()[0];
  return oldest && id < Number(oldest.dataset.mid) && Boolean(document.querySelector("#older a"));
}

function dress(item) {
  times.write(item);
  localise(item);
}

// Replace a message by its new revision; what the page knows of it, and the focus inside it, stay.
function replace(shown, item) {
  const focus = shown.contains(document.activeElement) ? document.activeElement : null;
  dress(item);
  if (shown.hasAttribute("tabindex")) item.tabIndex = shown.tabIndex;
  for (const name of ["key", "state"]) if (shown.dataset[name]) item.dataset[name] = shown.dataset[name];
  for (const name of ["focus", "editing"]) item.classList.toggle(name, shown.classList.contains(name));
  for (const part of [".state", ".shots"]) {
    const kept = shown.querySelector(part);
    if (kept) item.querySelector(part)?.replaceWith(kept);
  }
  const tools = shown.querySelector("[role=toolbar]");
  if (tools && !item.matches(".gone")) item.querySelector(".who").after(tools);
  shown.replaceWith(item);
  if (focus === shown) item.focus({ preventScroll: true });
  else if (focus) refocus(focus, item);
}

function refocus(element, item) {
  const [name] = element.classList;
  const now = element.isConnected ? element : name && item.querySelector(`.${CSS.escape(name)}`);
  (now || item.querySelector(".when")).focus({ preventScroll: true });
}

// Keep a keyboard reader's place in the log: without this the focus would move to the top of the page.
function drop(item) {
  if (!item) return;
  if (item.contains(document.activeElement)) document.getElementById("scroller").focus({ preventScroll: true });
  item.remove();
}

// Draw or take away the line of the day before a message; tell whether any line stands there.
function divide(item, day, dayBefore) {
  let line = null;
  let divided = false;
  let first = item;
  while (first.previousElementSibling && !first.previousElementSibling.matches(".msg")) {
    first = first.previousElementSibling;
    if (first.matches(".day")) line = first;
    else divided = true;
  }
  if (day === dayBefore) line?.remove();
  else if (line) label(line.querySelector("time"), day);
  else first.before(make("li", { class: "day" }, label(make("time"), day)));
  return divided || day !== dayBefore;
}

function label(time, day) {
  const text = times.dayLabel(day);
  time.dateTime = day;
  if (time.textContent !== text) time.textContent = text;
  return time;
}

// Removed messages may leave a day line at the end, or two in a row.
function sweep() {
  for (const line of page.list.querySelectorAll(".day")) {
    const next = line.nextElementSibling;
    if (!next || next.matches(".day")) line.remove();
  }
}

// The link to what was trimmed, as the server writes it.
function linkOlder(id) {
  const older = make("p", { id: "older", class: "older" }, link("older", `before=${id}`));
  // Through htmx, which cleans up the link that was there and its observer.
  htmx.swap({ sourceElement: page.list, target: "#older", swap: "outerHTML", text: older.outerHTML });
}

// The links below the end of the page, as the server writes them.
function part() {
  const jump = make("a", { class: "latest", href: latest() }, word("jump"));
  const newer = make("p", { id: "newer", class: "newer" }, link("newer", `after=${newest()}`), jump);
  page.list.dataset.newest = 0;
  page.list.after(newer);
  htmx.process(newer);
}

function link(to, query) {
  const href = `${path()}/messages?${query}`;
  const follow = { "hx-get": href, "hx-trigger": "intersect once", "hx-target": `#${to}`, "hx-swap": "outerHTML" };
  return make("a", { href, ...follow }, word(to));
}

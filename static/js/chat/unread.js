// What is unread: a number per conversation in the side list, their sum in the title and on the icon.
// The server's count is exact up to one id; what came after it is added by id, so nothing counts twice.

import * as conversation from "../room/conversation.js";
import { isNear, lowest } from "../room/scroll.js";
import * as timeline from "../room/timeline.js";
import { page, person } from "./page.js";
import * as socket from "./socket.js";

const MOST = 999; // beyond this a number says no more
const PACE = 1_000; // ms between two read marks

let counts = null; // conversation -> number of messages up to `covered`; before the first frame what the page says
let covers = {}; // conversation -> id up to which its count goes
let rest = 0; // the same for all others, and for all where a server of the release before this one says nothing more
const seen = new Map(); // conversation -> { id up to which was read on this page, left: unread messages after it }
const later = new Map(); // conversation -> ids above `covered`
let marked = -PACE;
let markTimer;
let due = 0; // the id up to which was read, while the server does not know
let where; // the conversation that it is in
let icon; // the plain icon's address

export function start() {
  addEventListener("focus", look);
  addEventListener("blur", look);
  addEventListener("pagehide", flush);
  document.addEventListener("visibilitychange", look);
}

// The server's exact counts: after hello, and whenever this person read something, here or on another device.
export function set(frame) {
  counts = frame.counts;
  covers = frame.covers ?? {};
  rest = frame.upto;
  for (const [key, ids] of later) {
    const read = frame.reads?.[key] ?? 0;
    const here = seen.get(key)?.id ?? 0;
    const ahead = here > read; // what was read here is not in these counts yet
    for (const id of ids) if (ahead ? id <= here : id <= covered(key) || id <= read) ids.delete(id);
  }
  for (const [key, { id, left }] of seen) if (id > (frame.reads?.[key] ?? 0)) counts[key] = left;
  paint();
}

// Something came in a conversation, shown or not. A direct one that the list does not know is put on top.
export function notice(element) {
  const { ids = "", conversation: key } = element.dataset;
  const link = element.querySelector(":scope > li");
  const known = row(key);
  if (link && !known) {
    document.getElementById("directs")?.prepend(link);
    // A frame has no language; the page has the word already.
    const word = document.querySelector("#side .badge > .sr");
    if (word) link.querySelector(".badge").append(word.cloneNode(true));
  }
  for (const pair of ids.split(" ").filter(Boolean)) hear(key, ...pair.split(":"));
  paint();
  return link && !known ? [link] : [];
}

export function hear(key, id, author) {
  if (author === person.id || Number(id) <= covered(key)) return;
  if (!later.has(key)) later.set(key, new Set());
  later.get(key).add(Number(id));
}

function covered(key) {
  return covers[key] ?? rest;
}

// Read means seen: the page in front, with the focus, and the message on the screen. What was seen counts no more from
// now on; the server is told once in a while, and at once when the reader turns away.
export function look() {
  if (!isAttentive()) {
    flush();
    return paint();
  }
  const id = lastSeen();
  if (id > Number(page.list.dataset.read || 0)) note(page.conversation, id);
  clearTimeout(markTimer);
  const wait = marked + PACE - performance.now();
  if (due && wait > 0) markTimer = setTimeout(look, wait);
  else flush();
  paint();
}

// A reader at the newest message has read all. Further up that is certain only on a page that continues where they left
// off; and how many are unread is not known before the server's count.
function lastSeen() {
  if (isNear()) return timeline.newest();
  const { start, read } = page.list.dataset;
  return counts && Number(start) <= Number(read) ? lowest() : 0;
}

function note(key, id) {
  const news = later.get(key) ?? new Set();
  const left = isNear() ? 0 : Math.max(0, (counts[key] ?? 0) - timeline.others(page.list.dataset.read, id, news));
  for (const one of news) if (one <= id) news.delete(one);
  page.list.dataset.read = id;
  [due, where] = [id, key];
  seen.set(key, { id, left });
  if (counts) counts[key] = left;
}

// The socket turns to another conversation. What the server could not be told is unread again: there it would count for
// messages that nobody has seen.
export function leave() {
  flush();
  if (due) seen.delete(where);
  due = 0;
}

// Tell the server what was seen.
export function flush() {
  clearTimeout(markTimer);
  if (!due || !socket.send({ type: "read", id: due })) return;
  due = 0;
  marked = performance.now();
}

export function paint() {
  let sum = 0;
  const isList = Boolean(document.querySelector("#main[data-pane=list]"));
  for (const item of document.querySelectorAll("#side li[data-conversation]")) {
    const key = item.dataset.conversation;
    const n = number(item, key);
    sum += n;
    const link = item.querySelector("a");
    if (key === page.conversation) link.setAttribute("aria-current", "page");
    // On the list alone, which is all that a phone shows, the place that its reader comes from stays marked.
    else if (isList && link.hasAttribute("aria-current")) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    if (Number(item.dataset.count) !== n) write(item, n);
  }
  const lead = sum ? `(${short(sum)}) ` : "";
  const title = lead + (ownTitle() ?? document.title.replace(/^\(\d+\+?\) /, ""));
  if (document.title !== title) document.title = title;
  paintIcon(sum > 0);
}

// What the page is called, also where the browser has translated its title.
function ownTitle() {
  const name = document.getElementById("main")?.dataset.title;
  const server = document.querySelector("#side .brand")?.textContent.trim();
  return name && server ? `${name} · ${server}`.replace(/\s+/g, " ") : null; // as browsers write a title
}

function isAttentive() {
  return page.list && conversation.isLive() && !document.hidden && document.hasFocus();
}

// What is being read right now is on its way to being marked so.
function number(item, key) {
  if (key === page.conversation && isNear() && isAttentive()) return 0;
  const base = counts ? (counts[key] ?? 0) : Number(item.dataset.count);
  return base + (counts ? (later.get(key)?.size ?? 0) : 0);
}

function write(item, n) {
  item.dataset.count = n;
  const badge = item.querySelector(".badge");
  badge.hidden = !n;
  badge.querySelector(".count").textContent = short(n);
  item.querySelector("a").classList.toggle("unread", n > 0);
}

function row(key) {
  return document.querySelector(`#side li[data-conversation="${CSS.escape(key)}"]`);
}

function short(n) {
  return n > MOST ? `${MOST}+` : String(n);
}

function paintIcon(dotted) {
  const link = document.querySelector('link[rel~="icon"][data-unread]');
  if (!link) return;
  icon ??= link.getAttribute("href");
  const wanted = dotted ? link.dataset.unread : icon;
  if (link.getAttribute("href") !== wanted) link.setAttribute("href", wanted);
}

// What was written and is not saved yet: per person and conversation, first in, first out, kept through reload,
// a closed tab and an expired session. An entry leaves storage only when the server said *saved*, or by Discard.
// Pictures stay in memory only, because storage has no room for them; so does everything if the browser stores nothing:
// then the page asks before it closes.
//
// An entry belongs to the tab that wrote it, and only that tab sends it. A tab shows it is alive by a time in
// storage; the entries of a dead one are taken over. Two tabs sending one entry would be harmless (same key).

import { erase, isUnkept, keep, names, outName, read, write } from "../lib/storage.js";
import { person } from "./page.js";

const BOXES = `chatapp:outbox:${person.id}:`;
const DISCARDED = `chatapp:discarded:${person.id}:`; // keys, so that no other tab puts such a message back
const TABS = "chatapp:tab:";
const MOST = 100; // messages a box holds
const LEASE = 10_000; // ms after its last heartbeat until a tab counts as closed
const STORED = [
  "n", "key", "content", "action", "tab", "state", "reason", "code", "flown", "kind", "target", "rev",
];

const tab = token(9);
const boxes = new Map(); // conversation -> entries in order
let changed = () => {};

// Start, and call `onChange(conversation)` whenever a box is not what it was.
export function open(onChange) {
  changed = onChange;
  for (const name of names(BOXES)) load(name.slice(BOXES.length));
  addEventListener("storage", ({ key }) => key?.startsWith(BOXES) && load(key.slice(BOXES.length)));
  addEventListener("pagehide", () => erase(TABS + tab));
  addEventListener("pageshow", ({ persisted }) => persisted && [...boxes.keys()].forEach(load));
  addEventListener("beforeunload", (event) => isAtRisk() && event.preventDefault());
}

// A random name: 128 bits by default, as the key of a message must have. (randomUUID is missing on plain HTTP.)
export function token(bytes = 16) {
  const random = String.fromCharCode(...crypto.getRandomValues(new Uint8Array(bytes)));
  return btoa(random).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function entries(conversation) {
  return boxes.get(conversation) ?? [];
}

export function all() {
  return [...boxes.values()].flat();
}

export function find(key) {
  return all().find((entry) => entry.key === key);
}

// Put a message into the box, or a change of one: `kind` edit, remove or restore, of the message `target` as it stood
// at `rev`. Return null when the box is full.
// `key` is that of a message which was taken back and is sent again as it was.
export function add(conversation, { content, action, files, kind, target, rev, key = token() }) {
  const box = entries(conversation);
  if (box.length >= MOST) return null;
  const n = (box.at(-1)?.n ?? 0) + 1;
  const what = { content, action, files, kind, target, rev };
  const entry = { n, key, ...what, tab, state: "queued", conversation, reason: "", since: performance.now() };
  restore(entry);
  return entry;
}

// Put an entry into its place: a new one, or one that was discarded.
export function restore(entry) {
  const { conversation, key } = entry;
  const gone = read(DISCARDED) ?? [];
  if (gone.includes(key)) write(DISCARDED, gone.filter((one) => one !== key));
  entry.tab = tab;
  boxes.set(conversation, [...entries(conversation).filter((one) => one.key !== key), entry].sort(byAge));
  if (!entry.files) store(conversation, (list) => [...list.filter((one) => one.key !== key), record(entry)]);
  live();
  changed(conversation);
}

// Change an entry. Only what outlives the page is stored: after a reload, a sent entry is queued again.
export function change(entry, values) {
  const before = JSON.stringify(record(entry));
  Object.assign(entry, values);
  const after = record(entry);
  if (JSON.stringify(after) !== before) {
    store(entry.conversation, (list) => list.map((one) => (one.key === after.key ? after : one)));
  }
  changed(entry.conversation);
}

// Change an entry that a person acts on in this tab: it belongs to this tab from now on.
export function claim(entry, values) {
  change(entry, { ...values, tab });
  live();
}

// Remove an entry that was not sent. The tab that it belongs to must not take it for lost.
export function discard(entry) {
  write(DISCARDED, [...(read(DISCARDED) ?? []).slice(1 - MOST), entry.key]);
  remove(entry);
}

export function remove(entry) {
  boxes.set(entry.conversation, entries(entry.conversation).filter((other) => other !== entry));
  store(entry.conversation, (list) => list.filter((one) => one.key !== entry.key));
  live();
  changed(entry.conversation);
}

export function isMine(entry) {
  return entry.tab === tab;
}

// Say that this tab lives, while it has something to say it for; take over what dead tabs left.
export function adopt() {
  live();
  for (const entry of all()) if (!isMine(entry) && !isAlive(entry.tab)) change(entry, { tab });
  heal();
}

// Forget everything of a person who logged out, except messages that they were not asked about. The log-out is recorded
// first, or other tabs would put back what is removed.
export function wipe(id, asked) {
  write(outName(id), true);
  for (const kind of ["discarded", "draft", "edit"]) names(`chatapp:${kind}:${id}:`).forEach(erase);
  for (const name of names(`chatapp:outbox:${id}:`)) {
    const rest = asked ? (read(name) ?? []).filter(({ key }) => !asked.includes(key)) : [];
    if (rest.length) keep(name, rest);
    else erase(name);
  }
  boxes.clear();
}

function isAtRisk() {
  heal();
  return all().some((entry) => entry.files) || isUnkept();
}

// Put back what was lost when the browser's data for this site was cleared.
function heal() {
  for (const [conversation, box] of boxes) {
    if (box.some(isKept) && !read(BOXES + conversation)) store(conversation, (list) => list);
  }
}

function live() {
  if (all().some(isMine)) write(TABS + tab, Date.now());
  else erase(TABS + tab);
}

function isAlive(other) {
  return Date.now() - (read(TABS + other) ?? 0) < LEASE;
}

function record(entry) {
  const state = entry.state === "failed" ? "failed" : "queued";
  return Object.fromEntries(STORED.map((name) => [name, name === "state" ? state : entry[name]]));
}

// Read, edit and write in one go: another tab may have changed the same box a moment ago. Where there is none this
// person logged out, or has taken away all that the browser keeps: what this tab knows stands for it.
function store(conversation, edit) {
  const before = read(BOXES + conversation);
  const list = edit(before ?? (isOut() ? [] : entries(conversation).filter(isKept).map(record)));
  if (before || list.length) write(BOXES + conversation, list);
}

// Reconcile with storage: entries come and go there, but this tab knows better about its own. One that waits here and
// is missing there was lost when two tabs wrote at the same time; sending it twice would be harmless (same key).
function load(conversation) {
  const known = entries(conversation);
  const box = read(BOXES + conversation);
  const stored = (box ?? []).map((one) => {
    const entry = known.find((other) => other.key === one.key);
    if (!entry) return { ...one, conversation, since: performance.now() };
    return Object.assign(entry, isMine(entry) && one.tab === tab ? {} : one);
  });
  const gone = read(DISCARDED) ?? [];
  const waits = box ? (one) => isKept(one) && one.state !== "failed" : isKept;
  const lost = isOut() ? [] : known.filter((one) => waits(one) && !stored.includes(one) && !gone.includes(one.key));
  if (lost.length) store(conversation, (list) => [...list, ...lost.map(record)]);
  const inMemory = known.filter((entry) => entry.files);
  boxes.set(conversation, [...stored, ...lost, ...inMemory].sort(byAge));
  changed(conversation);
}

// What this tab keeps in storage.
function isKept(entry) {
  return isMine(entry) && !entry.files;
}

function byAge(one, other) {
  return one.n - other.n;
}

// Whether this person logged out here.
function isOut() {
  return Boolean(read(outName(person.id)));
}

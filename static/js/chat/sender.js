// Brings the outbox to the server: a window of one per tab. The next message leaves when the one before was *sent*
// or finally refused; pipelined, messages changed their order when the server refused one of them (measured).
//
//   queued -> sending -> sent -> saved (the entry is gone)
//      ^------ refused with retry, connection lost -----+-> failed: Try again or Discard
//
// After ten seconds of waiting the same two are offered, and it is retried all the same: its key makes it one message.

import { word } from "../lib/words.js";
import { refuse } from "../room/refusal.js";
import * as banner from "./banner.js";
import * as outbox from "./outbox.js";
import { page } from "./page.js";
import * as socket from "./socket.js";
import { upload } from "./upload.js";

const GIVE_UP = 5 * 60_000; // ms of refusals until a message counts as failed
const ASK = 1_000; // ms for the server to say sent or refused; then it is asked whether it is there at all
const PATIENCE = 15_000; // ms for the same until another connection is tried, though this one seems to live
const LATE = 10_000; // ms without an answer to any message until the author is offered Try again and Discard
const UNSAVED = 45_000; // ms from sent to saved; the server promises 35, so its answer was lost: ask again
const TICK = 3_000; // ms between checks of what waits: leases, back-off, lost answers
const CAP = 15_000; // ms between two tries of a refused message

let ready = false; // the socket is in the conversation on the screen, and caught up
let flight = null; // the entry that was sent and not answered
let elsewhere = false; // a message of another conversation is on its way
let moved = 0; // when the server last took a message, or some of a picture

export function start() {
  setInterval(tick, TICK);
}

export function up() {
  ready = true;
  outbox.adopt();
  pump();
}

// Between two conversations: nothing leaves, but answers still count.
export function pause() {
  ready = false;
}

// The connection is gone, and with it all that its frames promised: ids of unsaved messages mean nothing now.
export function down() {
  ready = false;
  flight = null;
  for (const entry of outbox.all()) if (entry.state !== "failed") requeue(entry);
}

export function pump() {
  if (!ready || busy()) return;
  const entry = next(page.conversation);
  if (entry) fly(entry);
  else flushElsewhere();
}

export function sent({ key, id, rev }) {
  const entry = outbox.find(key);
  if (!entry) return;
  // The id of a change is that of its message, which is on disk already: only its key can say that it is saved.
  const named = entry.target ? null : id;
  moved = performance.now();
  outbox.change(entry, { state: "sent", id: named, made: rev, sentAt: moved, reason: "", flown: false });
  land(entry);
}

// Remove what is saved from the box; return the ids on the way out. `upto` says nothing about other conversations.
export function saved({ keys = [], upto = 0, conversation = page.conversation }) {
  const covers = ({ id, conversation: key }) => id && id <= upto && key === conversation;
  const done = outbox.all().filter((entry) => keys.includes(entry.key) || covers(entry));
  for (const entry of done) {
    outbox.remove(entry);
    if (entry.target) rebase(entry.target, entry.made);
    land(entry);
  }
  if (done.length) {
    moved = performance.now();
    banner.trouble("");
  }
  if (done.some((entry) => entry.refusedAt)) refuse();
  return done.map((entry) => entry.id).filter(Boolean);
}

// Refused before any broadcast, or failed after it: again under the same key, or never.
export function refused({ key, code, reason, retry, retry_after, change }) {
  const entry = outbox.find(key);
  if (!entry) return;
  entry.stale = change; // what stood before it stands again, and is about to come as a newer revision
  const now = performance.now();
  const refusedAt = entry.refusedAt ?? now;
  if (!retry || now - refusedAt > GIVE_UP) {
    outbox.change(entry, { state: "failed", id: null, flown: false, code, reason: reason ?? "" });
    tell(entry, `${word(entry.target ? "change_failed" : "failed")} ${entry.reason}`);
  } else {
    const told = entry.refusedAt;
    const tries = (entry.tries ?? 0) + 1;
    const wait = retry_after ? retry_after * 1000 : Math.min(500 * 2 ** tries, CAP);
    const until = now + wait;
    outbox.change(entry, { state: "queued", id: null, flown: false, reason: reason ?? "", refusedAt, tries, until });
    setTimeout(pump, wait + 20);
    if (code === "storage" || !code) banner.trouble(word("storage_trouble"));
    else if (!told) tell(entry, reason);
  }
  land(entry);
}

// Say it beside the composer too: the line below a message is not read aloud.
function tell({ conversation }, sentence) {
  if (sentence && conversation === page.conversation) refuse(sentence);
}

// A person asks again. A key that names another message already can never succeed; take a new one.
export function retry(key) {
  const entry = outbox.find(key);
  if (!entry) return;
  if (entry.code === "key_conflict") {
    outbox.remove(entry);
    outbox.add(entry.conversation, { ...entry, key: undefined });
  } else {
    if (entry.target) rebase(entry.target); // they have seen what it would overwrite
    if (entry.state === "failed" || entry.transfer) requeue(entry);
    outbox.claim(entry, { reason: "", code: "", refusedAt: null, tries: 0, until: 0, since: performance.now() });
    if (flight === entry && entry.state === "queued") flight = null;
  }
  pump();
  socket.hurry();
}

// Take a message back and return it, so that its text is not lost.
export function discard(key) {
  const entry = outbox.find(key);
  if (!entry) return null;
  outbox.discard(entry);
  entry.transfer?.abort();
  land(entry);
  return entry;
}

// Undo that: the same message under the same key, so that it is one if the server has it.
export function restore(entry) {
  outbox.restore(Object.assign(entry, { state: "queued", transfer: null, until: 0, since: performance.now() }));
  pump();
}

// Return the ms that a message may still wait until its author is offered Try again and Discard.
export function patience(entry) {
  if (!isWaiting(entry)) return Infinity;
  return Math.max(entry.since, moved) + LATE - performance.now();
}

export function waiting() {
  return outbox.all().filter(isWaiting).length;
}

// Why a message is not sent yet: no connection, the server's refusal, or the refusal of one ahead of it.
export function status(entry) {
  if (entry.state !== "queued") return entry.reason || word(entry.state);
  if (!socket.isOpen()) return word("queued");
  const first = outbox.entries(entry.conversation).find(isWaiting);
  return entry.reason || first?.reason || word(entry.target ? "saving" : "sending");
}

function isWaiting({ state }) {
  return state === "queued" || state === "sending";
}

export function entryOf(id) {
  return outbox.all().find((entry) => entry.id === id);
}

// The message in flight when its connection broke, still unanswered: at most one, because the window is one.
export function unanswered(conversation) {
  return outbox.entries(conversation).find((entry) => entry.flown && !entry.target && entry.state !== "failed");
}

// The oldest of this tab that waits. One that holds back after a refusal, or is on its way by form post, holds back all
// behind it: order. So does a second change of a message: it needs the revision that the first one makes.
function next(conversation) {
  const box = outbox.entries(conversation);
  const entry = box.find((one) => isWaiting(one) && outbox.isMine(one));
  if (entry?.state !== "queued" || performance.now() < (entry.until ?? 0)) return null;
  const first = entry.target && box.find((one) => one.target === entry.target && one.state !== "failed");
  return !first || first === entry ? entry : null;
}

// What waits to change a message was meant for it as it is shown now.
function rebase(target, rev = Number(document.getElementById(`m-${target}`)?.dataset.rev)) {
  if (!rev) return;
  for (const entry of outbox.all()) if (entry.target === target) outbox.change(entry, { rev });
}

// Another tab may have taken the entry over, or seen it saved.
function busy() {
  if (flight && outbox.find(flight.key) !== flight) flight = null;
  return flight !== null;
}

function fly(entry) {
  flight = entry;
  if (entry.stale) rebase(entry.target);
  entry.stale = false;
  outbox.change(entry, { state: "sending", sentAt: performance.now(), flown: true });
  if (entry.files) post(entry);
  else if (!socket.send(frame(entry))) down();
  else setTimeout(ask, ASK, entry);
}

function ask(entry) {
  if (flight === entry && entry.state === "sending") socket.check();
}

function frame({ kind, target, rev, content, key }) {
  return kind ? { type: kind, id: target, rev, content, key } : { type: "message", content, key };
}

function land(entry) {
  if (flight === entry) flight = null;
  pump();
}

function requeue(entry) {
  if (entry.state === "queued" && !entry.id) return;
  entry.transfer?.abort();
  outbox.change(entry, { state: "queued", id: null, progress: 0, transfer: null });
}

async function post(entry) {
  const mine = (entry.transfer = upload(entry, (progress) => {
    moved = performance.now();
    outbox.change(entry, { progress });
  }));
  const answer = await mine.answer;
  if (entry.transfer !== mine || !outbox.find(entry.key)) return;
  entry.transfer = null;
  // An id is the only proof: a redirect to the login also ends in 200.
  if (answer.id) {
    saved({ keys: [entry.key] });
    if (entry.target) rebase(entry.target, answer.rev);
  } else if (answer.status) refused({ ...answer, key: entry.key, reason: answer.reason ?? word("upload_failed") });
  else if (entry.state === "sending") {
    socket.check();
    refused({ key: entry.key, code: "network", retry: true });
  }
}

// Messages for conversations left behind (written while offline) go by form post, in their order.
async function flushElsewhere() {
  if (elsewhere) return;
  const boxes = new Set(outbox.all().map((entry) => entry.conversation));
  boxes.delete(page.conversation);
  const entry = [...boxes].map(next).find(Boolean);
  if (!entry) return;
  elsewhere = true;
  outbox.change(entry, { state: "sending", sentAt: performance.now() });
  await post(entry);
  elsewhere = false;
  pump();
}

function tick() {
  if (!outbox.all().length) return;
  const now = performance.now();
  for (const entry of outbox.all()) if (entry.state === "sent" && now - entry.sentAt > UNSAVED) requeue(entry);
  outbox.adopt();
  if (busy() && !flight.files && now - flight.sentAt > PATIENCE) socket.restart();
  pump();
}

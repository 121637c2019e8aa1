// The conversation on the screen and how far the page has followed it:
//
//   away -> asked (join is under way) -> catching (hello came) -> live (ready came)
//
// Only while catching and live are its frames taken. The cursor is the largest watermark that was processed, never
// the largest id that was seen, so whatever was on its way when a connection broke comes again.

import * as outbox from "../chat/outbox.js";
import { page } from "../chat/page.js";
import * as sender from "../chat/sender.js";
import { seal, claim } from "../message/pending.js";
import { hold } from "./scroll.js";
import * as timeline from "./timeline.js";

let phase = "away";
let isBehind = false; // the list is complete up to its cursor only, though the connection is further
let since = 0; // the cursor that the running catch-up began at
const mentioned = new Map(); // id -> the latest revision that it brought

// What to ask the server for: the conversation of the page, from its cursor on. Nothing on other pages.
export function wanted() {
  if (!page.list) return null;
  const { room, direct, epoch } = page.list.dataset;
  return { ...(direct ? { direct } : { room }), since: cursor(), epoch };
}

export function leave() {
  phase = "away";
}

export function ask() {
  phase = "asked";
  isBehind = false;
}

export function isLive() {
  return phase === "live";
}

// Whether a frame for this list may be taken, and is not that of the room the reader just left.
export function takes(list) {
  return list === page.list && (phase === "catching" || phase === "live");
}

// A catch-up begins. False when this is the hello of another conversation, which the reader left meanwhile: what
// follows it is not for this list, even if an earlier catch-up was, because the reader went and came back in the
// meantime.
export function begin(conversation) {
  phase = (conversation ?? null) === page.conversation ? "catching" : "asked";
  if (phase === "asked") return false;
  since = cursor();
  mentioned.clear();
  return true;
}

// Messages came: your own are matched with their entries in the outbox. Return those the page did not have.
export function bring(items) {
  return hold(() => {
    for (const item of items) {
      const id = Number(item.dataset.mid);
      mention(id, Number(item.dataset.rev));
      // One of your own messages that the page did not have when the connection broke is probably the one that got no
      // answer. It is shown in its place, so that you do not see it twice, until the answer to the next attempt.
      const lost = phase === "catching" && !document.getElementById(item.id) && sender.unanswered(page.conversation);
      const entry = timeline.isOwn(item) && (sender.entryOf(id) ?? lost);
      if (entry) claim(document.getElementById(item.id) ?? item, entry.key);
    }
    return timeline.insert(items, true);
  });
}

// Older or newer messages came by a page request. When they lead to the newest, the list goes on live; what came after
// they were read was not taken because it had no place: `mustJoin` says to ask for it, as after a lost connection.
export function extend(items) {
  const fresh = timeline.insert(items, false);
  const end = document.querySelector("#newer[data-cursor]");
  if (!end) return fresh;
  Object.assign(page.list.dataset, { newest: 1, cursor: end.dataset.cursor });
  end.remove();
  [phase, isBehind] = ["away", true];
  return fresh;
}

export function mustJoin() {
  return isBehind;
}

export function take(ids) {
  ids.forEach((id) => mention(id, Infinity));
  if (page.list) timeline.remove(ids); // a failure is told on every page of its author
}

// Only a catch-up asks for it; a page that is open all day must not remember every message.
function mention(id, rev) {
  if (phase === "catching") mentioned.set(id, Math.max(mentioned.get(id) ?? 0, rev));
}

// The id of one of your own messages is known: if it is on the page already, it replaces the placeholder.
export function name({ key, id }) {
  const entry = outbox.find(key);
  const item = entry && !entry.target && document.getElementById(`m-${id}`);
  if (item) claim(item, key);
}

// Catch-up is complete. What is shown above the old cursor and was not mentioned never was saved and never will be:
// ghosts of a crash. Your own are still in the outbox. A ghost of a change hides what the message says: `refetch`.
export function finish(upto, refetch) {
  if (phase !== "catching") return false;
  phase = "live";
  if (!page.list) return true;
  const late = timeline.messages().filter(({ dataset: { rev } }) => rev > since);
  const dead = late.filter(({ dataset: { mid, rev } }) => rev > (mentioned.get(Number(mid)) ?? 0));
  const ghosts = dead.map((item) => Number(item.dataset.mid)).filter((id) => id > since && !mentioned.has(id));
  if (ghosts.length) timeline.remove(ghosts);
  if (dead.some((item) => item.isConnected)) {
    refetch();
    return false;
  }
  advance(upto);
  return true;
}

// Everything up to here is on disk. Your own messages that wait for nothing more get their tick.
export function advance(upto) {
  if (!page.list || !takes(page.list)) return;
  if (upto > cursor()) page.list.dataset.cursor = upto;
  tick();
}

export function tick() {
  for (const item of page.list?.querySelectorAll(`.own[data-mid]:not([data-state="saved"])`) ?? []) {
    if (Number(item.dataset.mid) <= cursor() && !outbox.find(item.dataset.key)) seal(item.dataset.mid);
  }
}

// The largest watermark this page has processed.
function cursor() {
  return Number(page.list?.dataset.cursor ?? 0);
}

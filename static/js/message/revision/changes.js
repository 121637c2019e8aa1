// Changes of your own messages on their way: how the message will look, and a line that says how far the change is.

import * as outbox from "../../chat/outbox.js";
import { page, path } from "../../chat/page.js";
import { patience, status } from "../../chat/sender.js";
import { make } from "../../lib/make.js";
import { word } from "../../lib/words.js";
import { refuse } from "../../room/refusal.js";
import { hold } from "../../room/scroll.js";
import { find } from "../actions.js";
import { failure, text } from "../bubble.js";

const kept = new WeakMap(); // message -> what it held before a change was drawn into it

// Put a change into the outbox; `kind` is the name of the action that makes it. When the outbox is full, return false
// and say so beside the composer.
export function add(kind, target, rev, content = "") {
  const action = `${path()}/messages/${target}/${find(kind).form}`;
  const entry = outbox.add(page.conversation, { kind, target, rev, content, action });
  if (!entry) refuse(word("full"));
  return Boolean(entry);
}

// The change of a message that was made last and is not saved yet.
export function last(target) {
  return outbox.entries(page.conversation).findLast((entry) => entry.target === target);
}

// Show how messages will look: of several changes of one message the last counts.
export function paint() {
  if (!page.list) return;
  const targets = new Set(outbox.entries(page.conversation).map((entry) => entry.target));
  const items = [...targets].map((id) => id && document.getElementById(`m-${id}`)).filter(Boolean);
  const done = [...page.list.querySelectorAll("[data-change]")].filter((item) => !items.includes(item));
  if (!items.length && !done.length) return;
  hold(() => {
    done.forEach(settle);
    for (const item of items) show(item, last(Number(item.dataset.mid)));
  });
}

function show(item, entry) {
  // Once its revision is here the server's rendering says it better.
  if (entry.state === "sent" && Number(item.dataset.rev) > entry.rev) undraw(item);
  else draw(item, entry);
  const isLate = patience(entry) <= 0;
  const state = isLate ? "failed" : entry.state;
  item.dataset.change = state;
  const line = item.querySelector(".change") ?? item.appendChild(make("div", { class: "change" }));
  const waiting = state === "queued" ? status(entry) : entry.reason || word("saving");
  const kind = `${entry.key} ${isLate} ${state} ${entry.reason} ${waiting}`;
  if (line.dataset.kind === kind) return; // its buttons may have the focus
  Object.assign(line.dataset, { kind, key: entry.key });
  const failed = word(isLate ? "change_late" : "change_failed");
  line.replaceChildren(...(state === "failed" ? failure(failed, entry) : [waiting]));
}

function settle(item) {
  undraw(item);
  delete item.dataset.change;
  item.querySelector(".change")?.remove();
}

function draw(item, { key, kind, content }) {
  if (kept.get(item)?.key === key) return;
  undraw(item);
  if (kind === "restore") return; // its words are with the server
  const bubble = item.querySelector(".bub");
  const before = [...bubble.childNodes];
  kept.set(item, { key, before, gone: item.matches(".gone") });
  const removed = kind === "remove";
  const shots = before.filter((node) => node.matches?.(".shots"));
  item.classList.toggle("gone", removed);
  bubble.classList.toggle("pic", shots.length > 0 && !removed);
  if (removed) bubble.replaceChildren(text(word("removed")));
  else bubble.replaceChildren(...shots, ...(content.trim() ? [text(content)] : []));
}

function undraw(item) {
  if (!kept.has(item)) return;
  const { before, gone } = kept.get(item);
  const bubble = item.querySelector(".bub");
  kept.delete(item);
  bubble.replaceChildren(...before);
  bubble.classList.toggle("pic", Boolean(bubble.querySelector(".shots")));
  item.classList.toggle("gone", gone); // it may be removed already: by another tab, say
}

// Revisions of one's own messages: edits, removals and their undoing. What they take is loaded when the first begins,
// or when one that was begun on an earlier page goes on.

import * as outbox from "../chat/outbox.js";
import { page, person } from "../chat/page.js";
import { read } from "../lib/storage.js";

export let changes = null; // the modules of these names, once they are loaded
export let editing = null;
export let removal = null;

let loading = null;
let put = () => {}; // writes into the box

export function start(fill) {
  put = fill;
}

// Another conversation, or the same page again: an edit that was begun here goes on.
export function adopt() {
  if (editing) editing.adopt();
  else if (read(editName())) load();
}

// Draw the changes of messages that are on their way.
export function paint() {
  if (changes) changes.paint();
  else if (outbox.entries(page.conversation).some((entry) => entry.target)) load();
}

// Return whether the modules are there. Without a connection they may not come; then the next call asks again.
export async function load() {
  loading ??= Promise.all([
    import("./revision/changes.js"),
    import("./revision/editing.js"),
    import("./revision/removal.js"),
  ]);
  try {
    const loaded = await loading;
    if (!changes) begin(...loaded);
    return true;
  } catch {
    loading = null;
    return false;
  }
}

export function editName() {
  return `chatapp:edit:${person.id}:${page.conversation}`;
}

export function draftName() {
  return `chatapp:draft:${person.id}:${page.conversation}`;
}

function begin(...modules) {
  [changes, editing, removal] = modules;
  editing.start(put);
  removal.start();
  editing.adopt();
  changes.paint();
}

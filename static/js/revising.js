// Changing own messages. What it takes is loaded at the first sign of it, for most visits only read and write: a hand
// on an own message, ↑ in the empty box, an edit that was begun, a change that waits in the outbox.

import * as outbox from "./outbox.js";
import { page, person, refuse } from "./page.js";
import { read } from "./storage.js";
import { isOwn } from "./timeline.js";
import { word } from "./words.js";

const SIGNS = ["pointerover", "pointerdown", "focusin", "focusout", "click", "keydown"];

export let changes = null; // the modules of these names, once they are loaded
export let editing = null;

let loading = null;
let missed = []; // what happened until the toolbar could see it
let put = () => {}; // writes into the box

export function start(fill) {
  put = fill;
  for (const type of SIGNS) document.addEventListener(type, see);
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

// Edit the last own message of the conversation.
export async function beginLast() {
  if (await load()) editing.beginLast();
  else refuse(word("try_again"));
}

// Show what can be done with a message; `element` is in it, and has the focus again afterwards.
export async function offer(element) {
  try {
    const [ready, { open }] = await Promise.all([load(), import("./actions.js")]);
    if (ready && element.isConnected) return open(element);
  } catch {
    // no connection: it is asked for again with the next press
  }
  refuse(word("try_again"));
}

export function editName() {
  return `chatapp:edit:${person.id}:${page.conversation}`;
}

export function draftName() {
  return `chatapp:draft:${person.id}:${page.conversation}`;
}

function see(event) {
  const item = event.target.closest?.("#messages .msg[data-mid]");
  if (!missed.length && !(item && isOwn(item))) return;
  missed.push(event);
  load();
}

// Return whether it is there. A page without its connection may not get it, and asks again at the next sign.
async function load() {
  loading ??= Promise.all(["changes", "editing", "removal", "toolbar"].map((name) => import(`./${name}.js`)));
  try {
    const [first, second, removal, toolbar] = await loading;
    if (!changes) begin(first, second, removal, toolbar);
    return true;
  } catch {
    loading = null;
    missed = [];
    return false;
  }
}

function begin(first, second, removal, toolbar) {
  [changes, editing] = [first, second];
  for (const type of SIGNS) document.removeEventListener(type, see);
  editing.start(put);
  removal.start();
  toolbar.start(SIGNS);
  missed.forEach(toolbar.see);
  missed = [];
  editing.adopt();
  changes.paint();
}

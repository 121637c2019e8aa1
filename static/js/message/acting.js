// Doing something with a message: from its toolbar, its sheet, or by a key. Toolbar and sheet are loaded at the first
// sign of a hand on a message, because most visits only read and write.

import { endsAtNewest } from "../chat/page.js";
import * as clipboard from "../lib/clipboard.js";
import { word } from "../lib/words.js";
import { refuse } from "../room/refusal.js";
import { messages } from "../room/timeline.js";
import * as actions from "./actions.js";
import * as revision from "./revision.js";

const SIGNS = ["pointerover", "pointerdown", "focusin", "focusout", "click", "keydown"];

// What each action of the registry does with a message. Copying returns a promise of whether it succeeded; `place` is
// the open dialog, if there is one.
const DO = {
  copy: (item, place) => clipboard.put(actions.text(item), place),
  link: (item, place) => clipboard.put(item.querySelector(".when").href, place),
  edit: (item) => revision.editing.begin(item),
  versions: (item) => location.assign(actions.versions(item)),
  remove: (item) => revision.removal.remove(item),
};

let loading = null;
let isLoaded = false;
let missed = []; // what happened until the toolbar could see it

export function start() {
  for (const type of SIGNS) document.addEventListener(type, see);
}

export function act(name, item, place = document.body) {
  return DO[name](item, place);
}

// Do something with the newest message that allows it.
export async function actOnNewest(name) {
  if (!(await load())) return refuse(word("try_again"));
  const item = endsAtNewest() && messages().findLast((one) => actions.may(name, one));
  if (item) act(name, item);
}

// Show what can be done with a message; `element` is in it, and has the focus again afterwards.
export async function offer(element) {
  try {
    const [ready, { open }] = await Promise.all([load(), import("./sheet.js")]);
    if (ready && element.isConnected) return open(element);
  } catch {
    // no connection: it is asked for again with the next press
  }
  refuse(word("try_again"));
}

function see(event) {
  const item = event.target.closest?.("#messages .msg[data-mid]");
  if (!missed.length && !(item && actions.inToolbar().some((name) => actions.concerns(name, item)))) return;
  missed.push(event);
  load();
}

// Return whether all of it is there. Without a connection it may not come; then the next sign asks again.
async function load() {
  loading ??= Promise.all([import("./toolbar.js"), revision.load()]);
  const [toolbar, isReady] = await loading.catch(() => []);
  if (!isReady) [loading, missed] = [null, []];
  else if (!isLoaded) begin(toolbar);
  return isLoaded;
}

function begin(toolbar) {
  isLoaded = true;
  for (const type of SIGNS) document.removeEventListener(type, see);
  toolbar.start(SIGNS);
  missed.forEach(toolbar.see);
  missed = [];
}

// The registry of message actions, as the server wrote it into the page (chatapp/html/message_actions.py): what can be
// done with a message, by whom, and how it is reached.

import { isOwn } from "../room/timeline.js";

const WHO = { anyone: () => true, author: isOwn };
const NEEDS = {
  text,
  id: ({ dataset }) => dataset.mid,
  saved: (item) => item.dataset.mid && !item.matches(".gone, [data-state]:not([data-state=saved])"),
  versions,
  removed: (item) => item.matches(".gone"),
};

let registry = null; // name -> { who, needs, form, key, offered }

export function find(name) {
  registry ??= read();
  return registry.get(name);
}

// Whether this reader may ever do it with a message, whatever the message is waiting for now.
export function concerns(name, item) {
  return WHO[find(name).who](item);
}

export function may(name, item) {
  return concerns(name, item) && Boolean(NEEDS[find(name).needs](item));
}

// The names of the actions of the toolbar.
export function inToolbar() {
  const buttons = document.getElementById("toolbar").content.querySelectorAll("[data-act]");
  return [...buttons].map(({ dataset }) => dataset.act);
}

// The name of the action that a key does; undefined for other keys.
export function withKey(key) {
  registry ??= read();
  return [...registry.keys()].find((name) => registry.get(name).key === key);
}

// What a message says, in words.
export function text(item) {
  return item.matches(".gone") ? "" : (item.querySelector(".bub .text")?.innerText.trim() ?? "");
}

// The URL of a message's earlier versions; empty if it was never edited.
export function versions(item) {
  return item.matches(".gone") ? "" : (item.querySelector("a.edited")?.href ?? "");
}

function read() {
  const all = [...document.getElementById("registry").content.querySelectorAll("data")];
  return new Map(all.map(({ value, dataset }) => [value, dataset]));
}

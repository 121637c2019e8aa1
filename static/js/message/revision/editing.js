// The composer as the form to edit one of your own messages. The draft that was in it waits, and comes back afterwards.

import * as outbox from "../../chat/outbox.js";
import { composer, page, path } from "../../chat/page.js";
import * as sender from "../../chat/sender.js";
import { make } from "../../lib/make.js";
import { erase, read, write } from "../../lib/storage.js";
import { word } from "../../lib/words.js";
import { refuse } from "../../room/refusal.js";
import { find } from "../actions.js";
import { draftName, editName } from "../revision.js";
import * as changes from "./changes.js";

let edit = null; // {id, rev, base, was, text} as it is kept, and the draft
let put = () => {}; // writes into the box

export function start(fill) {
  put = fill;
  document.addEventListener("click", ({ target }) => target.closest("#editing button") && close());
}

// Another conversation, or the same page again: an edit that was begun here goes on. What stands in the box need not be
// the draft: a browser that goes back to a page fills in what stood there last.
export function adopt() {
  const kept = page.list && read(editName());
  edit = kept ? { ...kept, draft: read(draftName()) ?? "" } : null;
  if (edit) show();
}

export function isOpen() {
  return edit !== null;
}

export async function begin(item) {
  const { list } = page;
  try {
    const found = await source(Number(item.dataset.mid));
    if (list !== page.list) return;
    if (edit) close();
    edit = { ...found, text: found.was, draft: box().value };
  } catch {
    return refuse(word("try_again"));
  }
  write(...note(edit.text));
  show();
  box().focus({ preventScroll: true });
}

// What to keep of the text that is typed: its name in storage, and its value.
export function note(text) {
  const { draft, ...kept } = edit;
  return [editName(), { ...kept, text }];
}

export function save(text) {
  const { id, base, was } = edit;
  const item = document.getElementById(`m-${id}`);
  if (!text.trim() && !item?.querySelector(".shots")) return refuse(word("empty_edit"));
  // It began from another edit on its way: meanwhile that one may have become a revision.
  const rev = base && !outbox.find(base) ? Number(item?.dataset.rev) || edit.rev : edit.rev;
  if (text.trimEnd() !== was.trimEnd() && !changes.add("edit", id, rev, text)) return;
  close();
  sender.pump();
}

// The edit is over, or given up.
export function close() {
  const { draft } = edit;
  put(draft); // which also keeps what was typed last, so it is erased after it
  erase(editName());
  edit = null;
  refuse();
  show();
  box().focus({ preventScroll: true });
}

// Pages hold what the server made of a text, not the text itself.
async function source(id) {
  const entry = changes.last(id);
  if (entry?.kind === "edit") return { id, rev: entry.rev, base: entry.key, was: entry.content };
  const address = `${path()}/messages/${id}/${find("edit").form}`;
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(answer.status);
  const { content, rev } = await answer.json();
  return { id, rev, was: content };
}

function show() {
  for (const item of page.list.querySelectorAll(".editing")) item.classList.remove("editing");
  composer().classList.toggle("editing", isOpen());
  const button = composer().querySelector(".send");
  const label = word(isOpen() ? "save" : "send");
  button.title = label;
  button.setAttribute("aria-label", label);
  const bar = document.getElementById("editing");
  bar.hidden = !isOpen();
  bar.replaceChildren();
  if (!edit) return;
  bar.append(make("span", {}, word("editing")), " ", make("button", { type: "button" }, word("cancel")));
  document.getElementById(`m-${edit.id}`)?.classList.add("editing");
  put(edit.text);
}

function box() {
  return document.getElementById("text");
}

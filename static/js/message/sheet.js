// The sheet of message actions: rises from the bottom on a phone, a menu beside the message elsewhere. It lies above
// the page and moves nothing in it. Esc, a press outside it and Back close it. Loaded on demand.

import { word } from "../lib/words.js";
import { land } from "../room/roving.js";
import { act } from "./acting.js";
import { may, text } from "./actions.js";

const READ = 900; // ms that "Copied" is read before the sheet goes
const SWIPE = 60; // px downwards that close it
const GAP = 4; // px between a message and its menu
const EDGE = 8; // px that a menu keeps from the edges of the window

let id = null; // of the message's element, which may be replaced at any time
let opener = null; // what has the focus again afterwards
let next = null; // what to do once the sheet is closed
let touched = 0; // where a finger came down
let here = ""; // the address of the page
let isHere = false; // the way back in history led to this very page: htmx need not fetch it

addEventListener("popstate", passed);
// htmx takes the event, and with it the browser would take the focus away.
window.navigation?.addEventListener("navigate", (event) => {
  if (!id || event.navigationType !== "traverse" || !event.canIntercept) return;
  event.intercept({ focusReset: "manual", scroll: "manual" });
});
document.addEventListener("htmx:before:history:restore", (event) => {
  if (isHere) event.preventDefault();
  isHere = false;
});

// Open it for a message, or for the message of a button.
export function open(element) {
  const item = element.closest(".msg");
  if (id) return; // one is open, or about to be gone
  [id, opener, next] = [item.id, element, null];
  if (!sheet().dataset.ready) prepare(sheet());
  fill(item);
  here = location.href;
  history.pushState({ sheet: true }, "");
  sheet().showModal();
  place(item.querySelector(".bub").getBoundingClientRect());
  rows()[0].focus({ preventScroll: true });
}

function prepare(dialog) {
  dialog.dataset.ready = "1";
  dialog.addEventListener("click", pressed);
  dialog.addEventListener("keydown", step);
  dialog.addEventListener("close", closed);
  dialog.addEventListener("touchstart", ({ touches }) => (touched = touches[0].clientY), { passive: true });
  dialog.addEventListener("touchend", ({ changedTouches }) => {
    if (dialog.scrollTop <= 0 && changedTouches[0].clientY - touched > SWIPE) dialog.close();
  });
}

// Quote the message above the rows, and show the rows that apply to it.
function fill(item) {
  const dialog = sheet();
  const time = item.querySelector("time");
  const image = item.querySelector(".bub img");
  dialog.querySelector(".name").textContent = item.dataset.name || word("former");
  dialog.querySelector(".when").textContent = time.title || time.textContent;
  dialog.querySelector(".quoted").textContent = text(item) || image?.alt || item.querySelector(".bub").textContent;
  dialog.querySelector("[role=status]").textContent = "";
  dialog.querySelector(".copied")?.classList.remove("copied");
  for (const row of dialog.querySelectorAll("[data-do]")) row.closest("li").hidden = !may(row.dataset.do, item);
}

// A menu stands below its message, or above it where there is no room; the style sheet puts a sheet where it belongs.
function place(bubble) {
  const dialog = sheet();
  const { width, height } = dialog.getBoundingClientRect();
  const isOwn = document.getElementById(id)?.matches(".own");
  const left = Math.min(isOwn ? bubble.right - width : bubble.left, innerWidth - width - EDGE);
  const below = bubble.bottom + GAP;
  const top = below + height + EDGE > innerHeight ? bubble.top - GAP - height : below;
  dialog.style.setProperty("--left", `${Math.max(EDGE, left)}px`);
  dialog.style.setProperty("--top", `${Math.max(EDGE, Math.min(top, innerHeight - height - EDGE))}px`);
}

function pressed(event) {
  const row = event.target.closest("[data-do]");
  if (row) return choose(row);
  const { left, right, top, bottom } = sheet().getBoundingClientRect();
  const isInside = event.clientX >= left && event.clientX <= right && event.clientY >= top && event.clientY <= bottom;
  if (!isInside || event.target.closest("[data-close]")) sheet().close();
}

function step(event) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const all = rows();
  const at = all.indexOf(document.activeElement);
  const to = by ? (at + by + all.length) % all.length : { Home: 0, End: -1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  all.at(to).focus();
}

// Closed by the user: remove the history entry first, then run the chosen action.
function closed() {
  sheet().removeAttribute("style");
  if (history.state?.sheet) history.back();
  else finish();
}

function passed() {
  if (!id) return;
  isHere = Boolean(history.state?.htmx) && location.href === here;
  if (sheet().open) sheet().close();
  else finish();
}

function finish() {
  if (!id) return;
  const item = document.getElementById(id);
  const then = next;
  [id, next] = [null, null];
  if (opener.isConnected && opener.getClientRects().length) opener.focus({ preventScroll: true });
  else if (item) land(item);
  else document.getElementById("text")?.focus({ preventScroll: true });
  if (item) then?.(item);
}

// A row that says when it is done is done here; every other one once the sheet is closed.
function choose(row) {
  const name = row.dataset.do;
  if (row.querySelector(".done")) return confirm(row, act(name, document.getElementById(id), sheet()));
  next = (item) => act(name, item);
  sheet().close();
}

async function confirm(row, doing) {
  const mine = id;
  const done = await doing;
  const status = sheet().querySelector("[role=status]");
  status.textContent = done ? row.querySelector(".done").textContent : word("try_again");
  row.classList.toggle("copied", done);
  if (done) setTimeout(() => mine === id && sheet().close(), READ);
}

function rows() {
  return [...sheet().querySelectorAll("button")].filter((button) => button.getClientRects().length);
}

function sheet() {
  return document.getElementById("actions");
}

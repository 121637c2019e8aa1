// One tab stop for the whole log. The arrow keys go from message to message, Enter opens what can be done with one,
// → leads to what is inside it, Esc back out. (The roving tabindex of the ARIA Authoring Practices.)

import { page } from "../chat/page.js";
import { word } from "../lib/words.js";
import { offer } from "../message/acting.js";
import { isOwn } from "./timeline.js";

const INNER = "a[href], button, pre";
const KEYS = {
  ArrowUp: up, ArrowDown: down, Home: home, End: end, ArrowRight: enter, ArrowLeft: enter, Enter: open, Escape: leave,
};

let stop = null; // the message that Tab leads to
let chosen = false; // the reader moved to it
const watch = new MutationObserver((changes) => {
  for (const { addedNodes } of changes) addedNodes.forEach(tame);
  settle();
});

export function start() {
  document.addEventListener("keydown", keydown);
  document.addEventListener("focusin", arrive);
  document.addEventListener("click", ({ target }) => target.matches("#messages .more") && offer(target));
}

// A new list is on the page.
export function adopt() {
  watch.disconnect();
  [stop, chosen] = [null, false];
  const log = page.list.parentElement; // with the links to older and newer messages
  tame(log);
  settle();
  watch.observe(log, { childList: true, subtree: true });
}

// Move the focus and the tab stop to a message.
export function land(item) {
  choose(item);
  item.focus({ preventScroll: true });
  item.scrollIntoView({ block: "nearest" });
}

function keydown(event) {
  if (event.isComposing || event.keyCode === 229 || event.defaultPrevented || !page.list) return;
  if (event.key === "Tab") return aim();
  const { target, key } = event;
  const item = target.closest?.("#messages .msg");
  if (!item || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !Object.hasOwn(KEYS, key)) return;
  if (target !== item && (key === "Enter" || (/Left|Right/.test(key) && target.closest("[role=toolbar], pre")))) return;
  if (key !== "Escape") event.preventDefault(); // the toolbar hears it too
  KEYS[key](item, target, key);
}

function up(item) {
  const before = beside(item, "previousElementSibling");
  if (isSeen(item) && before) land(before);
  else if (isSeen(item)) box().scrollTop = -box().scrollHeight; // where older messages are asked for
  else land(nearest(item));
}

function down(item) {
  const after = beside(item, "nextElementSibling");
  if (isSeen(item)) (after ? land(after) : document.querySelector("#newer a")?.focus());
  else land(nearest(item));
}

function home() {
  land(page.list.querySelector(".msg"));
  box().scrollTop = -box().scrollHeight;
}

function end() {
  land(last());
  box().scrollTop = 0;
}

// Cycle through the message and the controls inside it.
function enter(item, target, key) {
  const inner = [...item.querySelectorAll(INNER)].filter((one) => one.getClientRects().length);
  const ring = [item, ...inner];
  const to = ring.at((ring.indexOf(target) + (key === "ArrowRight" ? 1 : -1)) % ring.length);
  to.focus({ preventScroll: true });
  to.scrollIntoView({ block: "nearest" });
}

function open(item) {
  offer(item);
}

function leave(item, target) {
  if (target === item) document.getElementById("text").focus({ preventScroll: true });
  else land(item);
}

// Take the controls inside a message out of the tab order; the toolbar manages its own.
function tame(node) {
  for (const one of [node, ...(node.querySelectorAll?.(INNER) ?? [])]) {
    if (one.matches?.(INNER) && !one.closest("[role=toolbar]")) one.tabIndex = -1;
  }
}

// Keep exactly one tab stop; without messages it is the scroller.
function settle() {
  if (!stop?.isConnected) choose(page.list.querySelector('.msg[tabindex="0"]') ?? last(), chosen);
  box().tabIndex = stop ? -1 : 0;
}

// Before Tab enters the log: the stop is the message the reader was on if it is visible, else the newest visible one.
function aim() {
  if (!stop || box().contains(document.activeElement) || (chosen && isSeen(stop))) return;
  choose(nearest(null), false);
}

function arrive({ target }) {
  const item = target.closest("#messages .msg");
  if (item) choose(item);
}

function choose(item, byReader = true) {
  if (stop !== item) {
    stop?.removeAttribute("tabindex");
    stop?.removeAttribute("aria-label");
  }
  [stop, chosen] = [item, byReader];
  if (!item) return;
  item.tabIndex = 0;
  item.setAttribute("aria-label", say(item));
}

// The accessible name of a message.
function say(item) {
  const { name } = item.dataset;
  const pictures = [...item.querySelectorAll(".bub img")].map((image) => image.alt);
  const parts = [".bub", ".edited", ".state", ".change"].map((part) => item.querySelector(part)?.innerText);
  const text = [...pictures, ...parts].join(" ").replace(/\s+/g, " ").trim();
  const time = item.querySelector("time").textContent;
  return word("message", { name: isOwn(item) ? word("you") : name || word("former"), time, text });
}

function beside(item, step) {
  do item = item[step];
  while (item && !item.matches(".msg"));
  return item;
}

function last() {
  return [...page.list.querySelectorAll(".msg")].at(-1) ?? null;
}

function isSeen(item) {
  const [mine, whole] = [item, box()].map((one) => one.getBoundingClientRect());
  return mine.bottom > whole.top && mine.top < whole.bottom;
}

// The visible message nearest to one that is not visible: the first below it or the last above it.
function nearest(item) {
  const seen = [...page.list.querySelectorAll(".msg")].filter(isSeen);
  const isAbove = item && item.getBoundingClientRect().top < box().getBoundingClientRect().top;
  return seen.at(isAbove ? 0 : -1) ?? stop;
}

function box() {
  return document.getElementById("scroller");
}

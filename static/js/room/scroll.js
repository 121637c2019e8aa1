// The scroll position. The scroller is reversed (flex, column-reverse): its scrollTop is 0 at the newest message and
// falls below zero upwards, so it opens and stays at the bottom without any script.

import { endsAtNewest, latest, page, path } from "../chat/page.js";
import { word } from "../lib/words.js";
import { refuse } from "./refusal.js";

const NEAR = 100; // px from the bottom that still count as being there
const GLANCE = 250; // ms from a movement until what is on the screen then counts as seen

let moved = () => {}; // told when the reader reaches or leaves the bottom
let rested = () => {}; // told that other messages are on the screen
let glance = null;
let missed = 0; // messages that came while the reader was further up
let offset = 0; // px above the newest message; known from scroll events, because reading it forces a layout per message
let holding = false; // changes may nest; the outermost one keeps the place
let drift = 0; // accumulated error in px, because scrolling snaps to whole ones; a larger sum would be visible

export function start(onMove, onRest) {
  [moved, rested] = [onMove, onRest];
  // Scroll events do not bubble, and the scroller is replaced with its room: listen from above.
  const listen = { capture: true, passive: true };
  document.addEventListener("scroll", ({ target }) => target.id === "scroller" && scrolled(), listen);
  document.addEventListener("mousedown", (event) => event.target.closest("#jump") && event.preventDefault());
  document.addEventListener("click", (event) => {
    const way = event.target.closest("#jump, #newer .latest");
    if (!way || (way.href && (event.ctrlKey || event.metaKey || event.shiftKey))) return;
    event.preventDefault();
    jump();
  });
}

// A new list is on the page: begin where its reader left off.
export function adopt() {
  missed = 0;
  const asked = location.hash.match(/^#(m-\d+)$/)?.[1];
  const focus = asked ? document.getElementById(asked) : page.list?.querySelector(".msg.focus");
  const line = page.list?.querySelector(".newline");
  if (focus) {
    focus.scrollIntoView({ block: "center" });
  } else if (line && top(line) < top(box())) {
    line.scrollIntoView({ block: "start" });
  }
  offset = page.list ? -box().scrollTop : 0;
  paint();
}

export function isNear() {
  return endsAtNewest() && offset < NEAR;
}

export function toBottom() {
  if (!offset || !box()) return; // writing it costs a layout too
  box().scrollTop = 0;
  scrolled();
}

// Count messages that the reader did not see come.
export function miss(count) {
  missed += count;
  paint();
}

// Change the list without moving what is read: at the bottom stay there, else keep a visible message where it was.
// WebKit has no scroll anchoring, and Chromium's does not work at every position.
export function hold(change) {
  if (holding) return change();
  holding = true;
  const near = isNear();
  const mark = near ? null : visible();
  const before = mark && top(mark) - drift;
  try {
    return change();
  } finally {
    holding = false;
    if (near && offset) box().scrollTop = offset = 0; // at 0 a reversed scroller stays there by itself
    else if (mark?.isConnected) {
      box().scrollTop += top(mark) - before;
      const off = top(mark) - before;
      drift = Math.abs(off) < 1 ? off : 0;
    }
  }
}

// Go to the newest message: below, or on another page.
export async function jump() {
  if (endsAtNewest()) return toBottom();
  try {
    await htmx.ajax("GET", latest(), { target: "#main", swap: "outerHTML", push: path() });
    toBottom(); // the newest was asked for, not the first unread
  } catch {
    refuse(word("try_again"));
  }
}

function box() {
  return document.getElementById("scroller");
}

function top(element) {
  return element.getBoundingClientRect().top;
}

// The id of the last message whose end is on the screen or above it.
export function lowest() {
  let item = page.list.children[endingAbove(box().getBoundingClientRect().bottom + 1) - 1];
  while (item && !item.dataset.mid) item = item.previousElementSibling;
  return Number(item?.dataset.mid ?? 0);
}

function visible() {
  let item = page.list.children[endingAbove(top(box()))];
  while (item && !item.matches(".msg")) item = item.nextElementSibling;
  return item;
}

// How many elements of the list end above an edge.
function endingAbove(edge) {
  const items = page.list.children;
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].getBoundingClientRect().bottom > edge) high = middle;
    else low = middle + 1;
  }
  return low;
}

function scrolled() {
  const near = isNear();
  offset = -box().scrollTop;
  if (isNear()) missed = 0;
  paint();
  if (near !== isNear()) moved(isNear());
  glance ??= setTimeout(() => {
    glance = null;
    rested();
  }, GLANCE);
}

function paint() {
  const pill = document.getElementById("jump");
  if (!pill || !page.list) return;
  const far = !endsAtNewest() || (offset && offset > box().clientHeight);
  pill.hidden = !missed && !far;
  const text = missed === 1 ? word("one_new_message") : missed ? word("new_messages", { n: missed }) : word("jump");
  const label = pill.querySelector("span") ?? pill;
  if (label.textContent !== text) label.textContent = text;
}

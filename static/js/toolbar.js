// One toolbar for all own messages: it stands in the one that is pointed at, tapped, or has the focus. On a phone a sheet
// has its buttons.

import { isOpen } from "./changes.js";
import * as editing from "./editing.js";
import { isTouch } from "./page.js";
import * as removal from "./removal.js";
import { land } from "./roving.js";

let bar = null;
let hovered, focused, tapped, dismissed; // ids of messages: the elements may be replaced at any time
let isTap = false;

const SEEN = {
  pointerover: hover,
  pointerdown: ({ pointerType }) => (isTap = pointerType !== "mouse"),
  focusin: ({ target }) => focus(target),
  focusout: ({ relatedTarget }) => relatedTarget || focus(null),
  click,
  keydown,
};

export function start(types) {
  for (const type of types) document.addEventListener(type, see);
}

export function see(event) {
  SEEN[event.type](event);
}

function hover({ target, pointerType }) {
  if (pointerType !== "mouse") return;
  if (hovered !== message(target)) dismissed = null;
  hovered = message(target);
  move();
}

function focus(element) {
  // A message that was clicked at has the focus too, but nobody sees it there.
  focused = element?.matches(".msg:not(:focus-visible)") ? null : message(element);
  if (focused !== dismissed) dismissed = null;
  move();
}

function click({ target }) {
  const button = target.closest("[role=toolbar] button");
  if (button) return press(button);
  if (!isTap || target.closest("a, button")) return;
  tapped = tapped === message(target) ? null : message(target);
  dismissed = null;
  move();
}

function press(button) {
  const item = button.closest(".msg");
  tapped = null;
  if (button.dataset.act === "edit") {
    editing.begin(item);
  } else {
    land(item);
    removal.remove(item);
  }
  move();
}

function keydown(event) {
  if (event.isComposing || event.keyCode === 229 || event.defaultPrevented || !bar?.isConnected) return;
  if (event.key === "Escape") {
    dismissed = bar.parentElement.id;
    tapped = null;
    if (isHeld()) land(bar.parentElement);
    move();
  } else if ((event.key === "ArrowLeft" || event.key === "ArrowRight") && isHeld()) {
    event.preventDefault();
    (document.activeElement.nextElementSibling ?? bar.firstElementChild).focus();
  }
}

// Never away from under the focus.
function move() {
  const ids = [isHeld() ? bar.parentElement?.id : null, hovered, tapped, focused];
  const items = ids.map((id) => id && id !== dismissed && document.getElementById(id));
  const item = !isTouch() && items.find((one) => one && isOpen(one));
  if (!item) return bar?.remove();
  bar ??= document.getElementById("toolbar").content.firstElementChild.cloneNode(true);
  if (bar.parentElement !== item) item.querySelector(".who").after(bar);
  // The log is one stop of Tab; who is inside a message reaches them.
  const isInside = item.contains(document.activeElement) && document.activeElement !== item;
  for (const button of bar.children) button.tabIndex = isInside ? 0 : -1;
}

function isHeld() {
  return Boolean(bar?.contains(document.activeElement));
}

function message(element) {
  return element?.closest("#messages .msg[data-mid]")?.id;
}

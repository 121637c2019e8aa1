// The toolbar, one for all messages: it is in the message that is pointed at, tapped or focused, if any of its actions
// applies there. On a phone the sheet has its buttons.

import { isTouch } from "../lib/touch.js";
import { land } from "../room/roving.js";
import { act } from "./acting.js";
import { inToolbar, may } from "./actions.js";

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
  // A message that was clicked has the focus too, but shows no ring.
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
  tapped = null;
  act(button.dataset.act, button.closest(".msg"));
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
    const buttons = [...bar.children].filter(({ hidden }) => !hidden);
    buttons[(buttons.indexOf(document.activeElement) + 1) % buttons.length].focus();
  }
}

// Never moved while it has the focus.
function move() {
  const ids = [isHeld() ? bar.parentElement?.id : null, hovered, tapped, focused];
  const items = ids.map((id) => id && id !== dismissed && document.getElementById(id));
  const item = !isTouch() && items.find((one) => one && inToolbar().some((name) => may(name, one)));
  if (!item) return bar?.remove();
  bar ??= document.getElementById("toolbar").content.firstElementChild.cloneNode(true);
  if (bar.parentElement !== item) item.querySelector(".who").after(bar);
  // The log is one tab stop; the buttons are reached from inside the message.
  const isInside = item.contains(document.activeElement) && document.activeElement !== item;
  for (const button of bar.children) {
    button.hidden = !may(button.dataset.act, item);
    button.tabIndex = isInside ? 0 : -1;
  }
}

function isHeld() {
  return Boolean(bar?.contains(document.activeElement));
}

function message(element) {
  return element?.closest("#messages .msg[data-mid]")?.id;
}

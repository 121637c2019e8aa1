// Show and hide passwords. Pages without scripts have no such button, and nothing that a password manager looks at
// changes (names, autocomplete, the type when the form is sent).

import { make } from "../lib/make.js";

export function start() {
  equip();
  document.addEventListener("click", ({ target }) => target.matches(".show") && turn(target));
  document.addEventListener("submit", hide, true); // before anybody reads the form, and before the browser keeps it
  document.addEventListener("htmx:before:request", hide);
  document.addEventListener("htmx:after:swap", equip); // a refused form was rendered again
  addEventListener("pagehide", hide);
}

function equip() {
  for (const field of document.querySelectorAll("[data-show]:not(:has(.show))")) {
    const label = field.querySelector("label");
    label.id = `${label.htmlFor}-name`;
    const described = { "aria-pressed": "false", "aria-controls": label.htmlFor, "aria-describedby": label.id };
    label.after(make("button", { type: "button", class: "link show", ...described }, field.dataset.show));
  }
}

// The caret stays where it was: browsers put it at the beginning when the type changes.
function turn(button) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const isShown = button.getAttribute("aria-pressed") === "true";
  const { selectionStart, selectionEnd } = input;
  input.type = isShown ? "password" : "text";
  button.setAttribute("aria-pressed", String(!isShown));
  input.setSelectionRange(selectionStart, selectionEnd);
}

function hide() {
  document.querySelectorAll('.show[aria-pressed="true"]').forEach(turn);
}

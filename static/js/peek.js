// Passwords in clear, for who types them where nobody looks on. Pages without scripts have no such button, and what a
// password manager looks at (names, autocomplete, the type when the form is sent) is as it always was.

import { make } from "./page.js";

export function start() {
  equip();
  document.addEventListener("click", ({ target }) => target.matches(".show") && turn(target));
  document.addEventListener("submit", hide, true); // before anybody reads the form, and before the browser keeps it
  document.addEventListener("htmx:before:request", hide);
  document.addEventListener("htmx:after:swap", equip); // a form that was refused came anew
  addEventListener("pagehide", hide);
}

function equip() {
  for (const field of document.querySelectorAll("[data-show]:not(:has(.show))")) {
    const label = field.querySelector("label");
    const described = { "aria-pressed": "false", "aria-controls": label.htmlFor, "aria-describedby": `${label.htmlFor}-name` };
    label.id = `${label.htmlFor}-name`;
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

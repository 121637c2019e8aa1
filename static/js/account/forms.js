// Conveniences for ordinary forms, which all work without them.

import * as outbox from "../chat/outbox.js";
import { person } from "../chat/page.js";
import { erase, read, write } from "../lib/storage.js";

const LEAVING = "chatapp:leaving"; // the id of the person who asked to delete their account

export function start() {
  document.querySelector("[aria-invalid=true]")?.focus();
  if (document.querySelector("[data-wiped]") && read(LEAVING)) {
    outbox.wipe(read(LEAVING));
    erase(LEAVING);
  }
  document.addEventListener("submit", submitted);
  document.addEventListener("change", tryTheme);
  // A form that comes back from the back/forward cache can be sent again.
  addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => delete form.dataset.sent));
}

function submitted(event) {
  const form = event.target;
  if ("wipe" in form.dataset) write(LEAVING, person.id); // whether they may go, the answer says
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "1";
}

// Show a theme while it is being chosen; the form still has to be sent to keep it.
function tryTheme({ target }) {
  if (target.name !== "theme") return;
  if (target.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = target.value;
}

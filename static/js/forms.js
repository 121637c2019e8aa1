// Small courtesies for ordinary forms, which all work without them.

import * as outbox from "./outbox.js";
import * as socket from "./socket.js";

export function start() {
  document.querySelector("[aria-invalid=true]")?.focus();
  document.addEventListener("submit", submitted);
  document.addEventListener("change", tryTheme);
  // A form that comes back from the back/forward cache can be sent again.
  addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => delete form.dataset.sent));
}

function submitted(event) {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "1";
  if (!new URL(form.action).pathname.endsWith("/logout")) return;
  // The next person at this computer finds nothing; and the server's closing of the socket is no surprise.
  socket.stop();
  outbox.wipe();
}

// Show a theme while it is being chosen; the form still has to be sent to keep it.
function tryTheme({ target }) {
  if (target.name !== "theme") return;
  if (target.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = target.value;
}

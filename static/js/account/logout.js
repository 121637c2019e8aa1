// Log-out without losing unsent messages: it asks about them first, and this browser forgets nothing until the server
// has ended the session. Without scripts the form does it, and nothing is unsent.

import * as outbox from "../chat/outbox.js";
import { person } from "../chat/page.js";
import { upload } from "../chat/upload.js";
import { word } from "../lib/words.js";

const PATIENCE = 10_000; // ms for the server to answer
const TRIES = 5; // of a message that is refused for being one of too many

const dialog = document.getElementById("logout");
const form = document.querySelector("form[data-logout]");
const press = { send, discard: () => leave(outbox.all().map(({ key }) => key)), stay: () => dialog.close() };
let busy = false;

outbox.open(paint);
form.addEventListener("submit", ask);
dialog.addEventListener("click", ({ target }) => press[target.closest("[data-do]")?.dataset.do]?.());
dialog.addEventListener("cancel", (event) => busy && event.preventDefault());

function ask(event) {
  event.preventDefault();
  if (busy) return;
  tell("");
  if (!outbox.all().length) return leave([]);
  paint();
  dialog.showModal();
}

function paint() {
  const n = outbox.all().length;
  const sentence = n > 1 ? word("unsent", { n }) : word(n ? "unsent_one" : "unsent_none");
  const title = dialog.querySelector("h2");
  if (title.textContent !== sentence) title.textContent = sentence;
}

// One after the other, as they were written. What the server refuses for good stays, and is told.
async function send() {
  tell("");
  work(true);
  const refusals = [];
  for (const entry of outbox.all()) {
    const answer = await deliver(entry);
    if (answer.status === 401) return location.reload(); // the session is over: what waits is sent after the log-in
    if (answer.id) outbox.remove(entry);
    else if (!answer.status || answer.retry) return stop(answer.reason);
    else refusals.push(refuse(entry, answer));
  }
  if (refusals.length) stop(word("unsendable", { reason: refusals[0] }));
  else leave([]);
}

async function deliver(entry, tries = 1) {
  const { answer, abort } = upload(entry);
  const timer = setTimeout(abort, PATIENCE);
  const answered = await answer;
  clearTimeout(timer);
  if (!answered.retry_after || tries === TRIES) return answered;
  await new Promise((resolve) => setTimeout(resolve, answered.retry_after * 1000));
  return deliver(entry, tries + 1);
}

function refuse(entry, { code, reason = "" }) {
  outbox.claim(entry, { state: "failed", code, reason });
  return reason;
}

// `asked` are the keys of what may be lost. Whatever another tab wrote since stays for the next log-in.
async function leave(asked) {
  work(true);
  try {
    const headers = { Accept: "application/json" };
    const answer = await fetch(form.action, { method: "POST", headers, signal: AbortSignal.timeout(PATIENCE) });
    const { user, reason } = await answer.json();
    if (!answer.ok || user === undefined) return stop(reason); // a server in trouble
    // Somebody else may have logged in here since this page was drawn: what waits is not theirs to take away.
    if (user === null || String(user) === person.id) outbox.wipe(person.id, asked);
    location.assign(`${person.base}/?logged-out=1`);
  } catch {
    stop(); // no answer, or that of a proxy
  }
}

function stop(reason) {
  work(false);
  tell(reason || word("no_answer"));
  (dialog.open ? dialog.querySelector("[data-do=send]") : form.querySelector("button")).focus();
}

function work(isSo) {
  busy = isSo;
  for (const button of [...dialog.querySelectorAll("button"), form.querySelector("button")]) button.disabled = isSo;
  const line = dialog.querySelector("[role=status]");
  line.hidden = !isSo;
  line.textContent = isSo ? word("sending") : "";
}

// Beside the question while it is asked, else on the page.
function tell(sentence) {
  const line = dialog.open ? dialog.querySelector("[role=alert]") : document.getElementById("logout-trouble");
  line.textContent = sentence;
  line.hidden = !sentence;
}

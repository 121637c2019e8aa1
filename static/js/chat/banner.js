// The status line of the connection. It waits two seconds, so that a blip shows nothing, and never blocks anything.

import { make } from "../lib/make.js";
import * as storage from "../lib/storage.js";
import { word } from "../lib/words.js";
import * as socket from "./socket.js";

const QUIET = 2_000; // ms without a connection until the line appears
const FIRST = 5_000; // ms; the same for the first one, while the page itself may still be loading

let away = false; // long enough without a connection
let timer = null;
let first; // the timer of the first connection
let end = ""; // why the connection will not come back
let ill = ""; // what the server cannot do though it is there
let waiting = 0;
let unkept = false; // what is typed is in this page only, and its reader does not know yet

export function start() {
  for (const type of ["online", "offline"]) addEventListener(type, paint);
  first = setTimeout(show, FIRST);
  storage.start(forget);
}

export function down() {
  timer ??= setTimeout(show, QUIET);
}

// The connection is open but silent: no further delay, because the check has waited already.
export function doubt(isSo) {
  if (isSo) show();
  else up();
}

export function up() {
  clearTimeout(first);
  clearTimeout(timer);
  timer = null;
  [away, end] = [false, ""];
  paint();
}

export function ended(sentence) {
  end = sentence;
  paint();
}

export function trouble(sentence) {
  ill = sentence;
  paint();
}

export function count(n) {
  waiting = n;
  if (away) paint();
}

// A status line is read aloud when it changes: write only what is new.
export function paint() {
  const line = document.getElementById("net");
  if (!line) return;
  const texts = [sentence(), unkept ? word("unkept") : ""];
  if (line.dataset.text === texts.join("\n")) return;
  line.dataset.text = texts.join("\n");
  line.hidden = !texts.some(Boolean);
  const buttons = [away && !end ? button("retry_now", socket.restart) : "", button("understood", () => forget(false))];
  line.replaceChildren(...texts.map((text, i) => (text ? make("p", {}, make("span", {}, text), " ", buttons[i]) : "")));
}

function show() {
  away = true;
  paint();
}

function sentence() {
  if (end) return end;
  if (!away) return ill;
  const text = word(navigator.onLine ? "reconnecting" : "offline_now");
  return waiting ? `${text} ${word("waiting", { n: waiting })}` : text;
}

function forget(isSo) {
  unkept = isSo;
  paint();
}

function button(name, press) {
  const made = make("button", { type: "button" }, word(name));
  made.addEventListener("click", press);
  return made;
}

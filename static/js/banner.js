// The line about the connection. It waits three seconds, so that a blip shows nothing, and never blocks anything.

import { make } from "./page.js";
import * as socket from "./socket.js";
import { word } from "./words.js";

const QUIET = 3_000; // ms without a connection until the line appears

let away = false; // long enough without a connection
let timer = null;
let end = ""; // why the connection will not come back
let ill = ""; // what the server cannot do though it is there
let waiting = 0;

export function down() {
  timer ??= setTimeout(() => {
    away = true;
    paint();
  }, QUIET);
}

export function up() {
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
  const text = sentence();
  if (line.dataset.text === text) return;
  line.dataset.text = text;
  line.hidden = !text;
  line.replaceChildren(...(text ? [make("span", {}, text)] : []), ...(away && !end ? [" ", again()] : []));
}

function sentence() {
  if (end) return end;
  if (!away) return ill;
  return waiting ? `${word("reconnecting")} ${word("waiting", { n: waiting })}` : word("reconnecting");
}

function again() {
  const button = make("button", { type: "button" }, word("retry_now"));
  button.addEventListener("click", socket.retry);
  return button;
}

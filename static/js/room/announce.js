// Screen-reader announcements of new messages: never history, never your own, and never a flood.

import { word } from "../lib/words.js";

const GATHER = 2_000; // ms that messages are collected, and the minimum between two announcements
const EACH = 3; // messages said one by one; more are only counted
const LONG = 150; // characters of a message that are said
const CLEAR = 5_000; // ms until the region is emptied, so that nobody finds old news there

let heard = []; // the first few; in a flood the others are only counted
let count = 0;
let told = ""; // what the page itself has to say
let timer = null;
let clearTimer;

export function hear(items) {
  heard.push(...items.slice(0, EACH - heard.length));
  count += items.length;
  if (count) timer ??= setTimeout(say, GATHER);
}

// Say a sentence once, however many messages it is true of.
export function tell(sentence) {
  told = sentence;
  timer ??= setTimeout(say, 0);
}

function say() {
  const region = document.getElementById("announcer");
  const [items, n, own] = [heard, count, told];
  [heard, count, told, timer] = [[], 0, "", null];
  clearTimeout(clearTimer);
  if (!region) return;
  const news = n > EACH ? [word("announce_many", { n })] : items.map(read);
  region.textContent = [own, ...news].filter(Boolean).join(" ");
  clearTimer = setTimeout(() => (region.textContent = ""), CLEAR);
}

function read(item) {
  const bubble = item.querySelector(".bub");
  const pictures = [...bubble.querySelectorAll("img")].map((image) => image.alt);
  const words = [...pictures, bubble.innerText].join(" ").replace(/\s+/g, " ").trim();
  return word("announce", { name: item.dataset.name, text: words.slice(0, LONG) });
}

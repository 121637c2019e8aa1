// Presence and typing indicators. Neither is stored, and a typing indicator that is not renewed expires.

import { make } from "../lib/make.js";
import { word } from "../lib/words.js";
import * as socket from "./socket.js";

const PACE = 3_000; // ms between two typing frames
const FADE = 6_000; // ms until a typing name goes

let online = null; // ids of people; null until the server has said so
let told = -PACE;
const typists = new Map(); // id -> {name, timer}

// The full set, or who came and who left.
export function notice({ dataset }) {
  if (dataset.online !== undefined) online = new Set(split(dataset.online));
  if (!online) return;
  for (const id of split(dataset.came)) online.add(id);
  for (const id of split(dataset.left)) online.delete(id);
  paint();
}

export function paint() {
  if (!online) return;
  for (const avatar of document.querySelectorAll("[data-person]")) show(avatar, online.has(avatar.dataset.person));
  for (const line of document.querySelectorAll("[data-person-state]")) {
    write(line, word(online.has(line.dataset.personState) ? "online" : "offline"));
  }
  const count = word("online_count", { n: online.size });
  for (const line of document.querySelectorAll("[data-online-count]")) write(line, count);
}

// An account was deleted: remove its row from lists of people, and its name where the row stays.
export function depart(id) {
  heard(id);
  for (const avatar of document.querySelectorAll(`[data-person="${id}"]`)) {
    const row = avatar.closest(".members > li");
    if (row) row.remove();
    else {
      avatar.textContent = "";
      write(avatar.parentElement.querySelector("bdi"), word("former"));
    }
  }
}

// Tell the others, once in a while, that this person is typing.
export function type() {
  if (performance.now() - told < PACE) return;
  if (socket.send({ type: "typing" })) told = performance.now();
}

export function typing(id, name) {
  clearTimeout(typists.get(id)?.timer);
  typists.set(id, { name, timer: setTimeout(heard, FADE, id) });
  paintTyping();
}

// The message is there: its author has stopped typing.
export function heard(id) {
  clearTimeout(typists.get(id)?.timer);
  if (typists.delete(id)) paintTyping();
}

// On a switch of conversation, clear the typing indicators of the last one.
export function forget() {
  for (const { timer } of typists.values()) clearTimeout(timer);
  typists.clear();
  paintTyping();
}

// Never by colour alone: the word stands beside the dot, for eyes in lists of people, for screen readers elsewhere.
function show(avatar, isOnline) {
  if (avatar.classList.contains("on") === isOnline && avatar.dataset.told) return;
  avatar.dataset.told = "1";
  avatar.classList.toggle("on", isOnline);
  const text = avatar.parentElement.querySelector(":scope > small");
  if (text) return write(text, word(isOnline ? "online" : "offline"));
  const name = avatar.parentElement.matches("a.room") && avatar.parentElement.querySelector(".n");
  if (!name) return;
  name.querySelector(".sr")?.remove();
  if (isOnline) name.append(make("span", { class: "sr" }, ` (${word("online")})`));
}

function paintTyping() {
  const line = document.getElementById("typing");
  if (!line) return;
  const [one, two, ...more] = [...typists.values()].map(({ name }) => name);
  const text = !one ? "" : !two ? word("typing_one", { name: one }) : word("typing_two", { name: one, other: two });
  write(line.querySelector(".names") ?? line, more.length ? word("typing_many") : text);
  line.classList.toggle("on", Boolean(one));
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function split(text = "") {
  return text.split(" ").filter(Boolean);
}

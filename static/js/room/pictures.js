// Pictures that are chosen, pasted or dropped and not sent yet, per conversation. They live in memory: no storage of
// the browser would hold them. Everything that can be refused is refused here, with its reason, before any upload.

import { limits } from "../chat/limits.js";
import { page } from "../chat/page.js";
import { word } from "../lib/words.js";
import { refuse } from "./refusal.js";

// What a picture begins with; the type that comes with a file is only a guess by its name, or is missing.
const STARTS = /^(\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF[^]{4}WEBP)/;
const LIKELY = ["image/jpeg", "image/png", "image/webp", "image/gif"];
const MIB = 2 ** 20;

const trays = new Map(); // conversation -> files

export function start() {
  document.addEventListener("change", ({ target }) => target.id === "choose" && choose(target));
  document.addEventListener("paste", paste);
  document.addEventListener("click", removed);
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) document.addEventListener(kind, drag);
}

export function chosen() {
  return trays.get(page.conversation) ?? [];
}

export function put(files) {
  trays.set(page.conversation, [...chosen(), ...files]);
  paint();
}

export function clear() {
  trays.delete(page.conversation);
  paint();
}

// Show what is chosen: a small picture, its name and size, and a way to take it out.
export function paint() {
  const tray = document.getElementById("pictures");
  if (!tray) return;
  tray.replaceChildren(...chosen().map(preview));
}

// Show a file that is still here.
export function load(image, file) {
  image.onload = image.onerror = () => URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(file);
}

function preview(file, index) {
  const item = document.getElementById("preview").content.firstElementChild.cloneNode(true);
  load(item.querySelector("img"), file);
  item.querySelector(".name").textContent = file.name;
  item.querySelector(".size").textContent = size(file.size);
  const remove = item.querySelector(".remove");
  remove.dataset.picture = index;
  remove.setAttribute("aria-label", word("remove", { name: file.name }));
  return item;
}

function removed({ target }) {
  const button = target.closest("[data-picture]");
  if (!button) return;
  trays.set(page.conversation, chosen().filter((file, index) => index !== Number(button.dataset.picture)));
  paint();
  refuse();
  document.getElementById("text").focus({ preventScroll: true });
}

// The input is emptied: the files are ours now, and choosing the same one again must be noticed.
function choose(input) {
  offer([...input.files]);
  input.value = "";
}

// Text wins: office programs put a picture of the copied text beside it.
function paste(event) {
  const data = event.clipboardData;
  if (!page.list || !data?.files.length || says(data)) return;
  event.preventDefault();
  offer([...data.files]);
}

// Whether there is text of its own. File managers put the names of the copied files there, or their places.
function says(data) {
  const names = [...data.files].map(({ name }) => name.normalize());
  const lines = data.getData("text/plain").split(/[\r\n]+/).map((line) => line.trim()).filter(Boolean);
  return !lines.every((line) => names.includes(last(line)));
}

// What follows the last slash of a path or of a file: address.
function last(line) {
  const name = line.replace(/^.*[/\\]/, "");
  try {
    return (line.startsWith("file:") ? decodeURIComponent(name) : name).normalize();
  } catch {
    return name; // a name with a percent sign of its own
  }
}

function drag(event) {
  const main = document.getElementById("main");
  if (!page.list || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault(); // else the browser would leave the chat and open the file
  const left = event.type === "dragleave" && !main.contains(event.relatedTarget);
  main.classList.toggle("dropping", event.type !== "drop" && !left);
  if (event.type === "drop") offer([...event.dataTransfer.files]);
}

// What its type calls a picture is taken at once, as Enter may follow at once; then the bytes decide.
async function offer(files) {
  const place = page.conversation;
  const likely = files.filter((file) => LIKELY.includes(file.type) && fits(file));
  const room = Math.max(limits.pictures - chosen().length, 0);
  put(likely.slice(0, room));
  document.getElementById("text")?.focus({ preventScroll: true });
  const real = await Promise.all(files.map(isPicture));
  const tray = trays.get(place) ?? [];
  const stays = (file, n) => real[n] && fits(file) && (tray.includes(file) || !likely.includes(file)); // not sent yet
  const all = [...tray.filter((file) => !files.includes(file)), ...files.filter(stays)];
  trays.set(place, all.slice(0, limits.pictures));
  if (place !== page.conversation) return;
  paint();
  const bad = files.findIndex((file, n) => !real[n] || !fits(file));
  const many = likely.length > room || all.length > limits.pictures;
  const fewer = many ? word("too_many_pictures", { limit: limits.pictures }) : "";
  refuse(bad < 0 ? fewer : fault(files[bad], real[bad]));
}

function fits({ size: bytes }) {
  return bytes > 0 && bytes <= limits.picture_bytes;
}

async function isPicture(file) {
  try {
    return STARTS.test(String.fromCharCode(...new Uint8Array(await file.slice(0, 12).arrayBuffer())));
  } catch {
    return false; // a folder, or a file that has gone
  }
}

function fault({ name, type, size: bytes }, real) {
  const large = bytes > limits.picture_bytes && (real || LIKELY.includes(type));
  const limit = Math.floor(limits.picture_bytes / MIB);
  return large ? word("picture_too_big", { name, limit }) : word("not_a_picture", { name });
}

function size(bytes) {
  const language = document.documentElement.lang;
  const [value, unit] = bytes < MIB ? [bytes / 1024, "kilobyte"] : [bytes / MIB, "megabyte"];
  return new Intl.NumberFormat(language, { style: "unit", unit, maximumFractionDigits: 1 }).format(value);
}

// Pictures that are chosen, pasted or dropped and not sent yet, per conversation. They live in memory: no storage of
// the browser would hold them. Everything that can be refused is refused here, with its reason, before any upload.

import { limits, page, refuse } from "./page.js";
import { word } from "./words.js";

const TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif"];
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
  if (!page.list || !data?.files.length || data.getData("text/plain")) return;
  event.preventDefault();
  offer([...data.files]);
}

function drag(event) {
  const main = document.getElementById("main");
  if (!page.list || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault(); // else the browser would leave the chat and open the file
  const left = event.type === "dragleave" && !main.contains(event.relatedTarget);
  main.classList.toggle("dropping", event.type !== "drop" && !left);
  if (event.type === "drop") offer([...event.dataTransfer.files]);
}

function offer(files) {
  const good = files.filter((file) => !fault(file));
  const room = limits.pictures - chosen().length;
  const bad = files.find(fault);
  refuse(bad ? fault(bad) : good.length > room ? word("too_many_pictures", { limit: limits.pictures }) : "");
  put(good.slice(0, Math.max(room, 0)));
  document.getElementById("text")?.focus({ preventScroll: true });
}

function fault({ name, type, size: bytes }) {
  if (!TYPES.includes(type) || !bytes) return word("not_a_picture", { name });
  const limit = Math.floor(limits.picture_bytes / MIB);
  return bytes > limits.picture_bytes ? word("picture_too_big", { name, limit }) : "";
}

function size(bytes) {
  const language = document.documentElement.lang;
  const [value, unit] = bytes < MIB ? [bytes / 1024, "kilobyte"] : [bytes / MIB, "megabyte"];
  return new Intl.NumberFormat(language, { style: "unit", unit, maximumFractionDigits: 1 }).format(value);
}

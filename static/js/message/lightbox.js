// Pictures of the log in full size, above the page. Loaded when the first one is opened.

import { word } from "../lib/words.js";

const BEYOND = ["below", "beside"]; // where the log shows the beginning only: those open large

let opener = null; // the link that is shown; focus goes back to it

document.addEventListener("click", clicked);
document.addEventListener("keydown", keydown);

function clicked({ target }) {
  if (target.closest("#lightbox [data-close]") || target.matches("#lightbox, #lightbox .stage")) {
    dialog().close();
  } else if (target.closest("#lightbox [data-step]")) {
    step(Number(target.closest("[data-step]").dataset.step));
  } else if (target.closest("#lightbox :is([data-zoom], img)")) {
    enlarge(!stage().classList.contains("large"));
  }
}

// Where a large picture can be scrolled sideways, the arrows scroll it.
function keydown(event) {
  if (event.isComposing || event.keyCode === 229 || !dialog()?.open) return;
  if (stage().scrollWidth > stage().clientWidth) return;
  if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
}

export function show(link) {
  const box = dialog();
  const all = shots();
  const { alt } = link.querySelector("img");
  const place = word("picture_of", { n: all.indexOf(link) + 1, total: all.length });
  opener = link;
  box.querySelector("img").src = link.href;
  box.querySelector("img").alt = alt;
  box.querySelector(".caption").textContent = `${alt} · ${place}`;
  for (const name of BEYOND) stage().classList.toggle(name, link.classList.contains(name));
  enlarge(BEYOND.some((name) => link.classList.contains(name)));
  for (const button of box.querySelectorAll("[data-step]")) {
    button.disabled = !all[all.indexOf(link) + Number(button.dataset.step)];
  }
  if (box.open) return;
  box.showModal();
  stage().focus(); // the keys that scroll work at once
  box.addEventListener("close", closed, { once: true });
}

function enlarge(large) {
  stage().classList.toggle("large", large);
  stage().scrollTo(0, 0);
  dialog().querySelector("[data-zoom]").setAttribute("aria-pressed", large);
}

function step(by) {
  const all = shots();
  const link = all[all.indexOf(opener) + by];
  if (link) show(link);
}

// The message may have gone meanwhile.
function closed() {
  dialog().querySelector("img").removeAttribute("src");
  (opener.isConnected ? opener : document.getElementById("text"))?.focus();
  opener = null; // it would keep the room that it stood in
}

function shots() {
  return [...document.querySelectorAll("#messages a.shot")];
}

function stage() {
  return dialog().querySelector(".stage");
}

function dialog() {
  return document.getElementById("lightbox");
}

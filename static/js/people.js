// Lists of people: newcomers go to their places, and typing finds somebody. Loaded with the first of either.

import { compare, fold } from "./collation.js";

const find = () => document.getElementById("find");

document.addEventListener("input", ({ target }) => target === find() && filter());
document.addEventListener("submit", (event) => {
  // What is here was searched already; a page that holds only what an earlier search found asks anew.
  if (event.target === find()?.form && !find().defaultValue) event.preventDefault();
});

// Put rows of people who are new in a list to where their names belong.
export function settle(list, rows) {
  const here = rows.filter((row) => row.isConnected); // some may have left already
  for (const row of here) row.remove();
  for (const row of here) {
    const next = [...list.children].find((one) => compare(name(row), name(one), document.documentElement.lang) < 0);
    list.insertBefore(row, next ?? null);
  }
  filter();
}

// Show those alone whose name has in it what is typed, whatever the accents.
export function filter() {
  if (!find()) return;
  const wanted = fold(find().value.trim());
  const rows = [...document.querySelectorAll(".directory > li")];
  for (const row of rows) row.hidden = !fold(name(row)).includes(wanted);
  document.getElementById("nobody").hidden = rows.some((row) => !row.hidden);
}

function name(row) {
  return row.querySelector(".n bdi").textContent;
}

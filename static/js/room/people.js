// Lists of people: newcomers are sorted in, and typing filters them. Loaded when either first happens.

import { compare, fold } from "../lib/collation.js";

const find = () => document.getElementById("find");

document.addEventListener("input", ({ target }) => target === find() && filter());
document.addEventListener("submit", (event) => {
  // The list is filtered already; a page that holds only the results of an earlier search asks the server again.
  if (event.target === find()?.form && !find().defaultValue) event.preventDefault();
});

// Move the rows of newcomers to where their names sort.
export function settle(list, rows) {
  const here = rows.filter((row) => row.isConnected); // some may have left already
  for (const row of here) row.remove();
  for (const row of here) {
    const next = [...list.children].find((one) => compare(name(row), name(one), document.documentElement.lang) < 0);
    list.insertBefore(row, next ?? null);
  }
  filter();
}

// Show only names that contain what is typed, ignoring accents.
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

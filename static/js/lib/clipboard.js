// Put a text on the clipboard. Return whether it is there.

import { make } from "./make.js";

// On a plain HTTP address browsers only copy a selection. It must be inside `place`, because outside an open dialog
// nothing can be selected.
export async function put(text, place) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return select(text, place);
  }
}

function select(text, place) {
  const { activeElement } = document;
  const area = make("textarea", { class: "sr", readonly: "", "aria-hidden": "true" });
  area.value = text;
  place.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  activeElement.focus({ preventScroll: true });
  return done;
}

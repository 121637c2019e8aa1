// Start what the page needs. Every module works on its own and looks for its elements; pages without them lose nothing.

import * as chat from "./chat.js";
import * as composer from "./composer.js";
import * as forms from "./forms.js";
import { person } from "./page.js";
import * as peek from "./peek.js";
import * as pictures from "./pictures.js";
import * as roving from "./roving.js";
import * as scroll from "./scroll.js";
import { trim } from "./timeline.js";
import * as times from "./times.js";
import * as unread from "./unread.js";
import * as viewport from "./viewport.js";

times.start(person.base);
forms.start();
peek.start();
viewport.start();
if (document.querySelector("[hx-chat]")) {
  document.addEventListener("click", enlarge);
  document.addEventListener("focusin", ({ target }) => target.id === "find" && search());
  composer.start();
  pictures.start();
  roving.start();
  unread.start();
  scroll.start((atBottom) => {
    if (!atBottom) return;
    trim();
    unread.look();
  }, unread.look);
  chat.start();
}

// By itself the form asks the server.
function search() {
  import("./people.js").then(({ filter }) => filter(), () => {});
}

// The link of a picture leads to it anyway; here it opens above the page.
async function enlarge(event) {
  const link = event.target.closest("#messages a.shot");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  try {
    (await import("./lightbox.js")).show(link);
  } catch {
    location.assign(link.href);
  }
}

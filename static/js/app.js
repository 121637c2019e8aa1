// Start what the page needs. Every module works on its own and looks for its elements; pages without them lose nothing.

import * as forms from "./account/forms.js";
import * as peek from "./account/peek.js";
import * as chat from "./chat/extension.js";
import { person } from "./chat/page.js";
import * as unread from "./chat/unread.js";
import * as times from "./lib/times.js";
import * as viewport from "./lib/viewport.js";
import * as acting from "./message/acting.js";
import * as composer from "./room/composer.js";
import * as pictures from "./room/pictures.js";
import * as roving from "./room/roving.js";
import * as scroll from "./room/scroll.js";
import { trim } from "./room/timeline.js";

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
  acting.start();
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
  import("./room/people.js").then(({ filter }) => filter(), () => {});
}

// The link of a picture leads to it anyway; here it opens above the page.
async function enlarge(event) {
  const link = event.target.closest("#messages a.shot");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  try {
    (await import("./message/lightbox.js")).show(link);
  } catch {
    location.assign(link.href);
  }
}

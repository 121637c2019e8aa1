// The htmx extension: <div hx-chat="/ws"> keeps one connection for all conversations that are shown below it.
// Fragments go through htmx.swap, so hx-* attributes in them come alive; frames.js knows what they mean.

import { word } from "../lib/words.js";
import * as pending from "../message/pending.js";
import * as composer from "../room/composer.js";
import * as conversation from "../room/conversation.js";
import * as pictures from "../room/pictures.js";
import { refuse } from "../room/refusal.js";
import * as roving from "../room/roving.js";
import * as scroll from "../room/scroll.js";
import * as timeline from "../room/timeline.js";
import * as banner from "./banner.js";
import { control, swaps } from "./frames.js";
import * as intake from "./intake.js";
import * as outbox from "./outbox.js";
import { look, page, person } from "./page.js";
import * as presence from "./presence.js";
import * as sender from "./sender.js";
import * as socket from "./socket.js";
import * as unread from "./unread.js";

const REFETCH = 2_000; // ms between two attempts to reload the list

let root = null;
let heading = null; // the heading #main shows: a different one means a different page, however it was loaded
let asked; // the conversation that the server was asked for last
let refetched = -REFETCH;
let feeding = false; // a frame is being swapped in, not the answer to a page request

export function start() {
  htmx.registerExtension("chat", {
    // htmx hands the children of an out-of-band element to a swap; ours also need the attributes of the element.
    htmx_before_swap(element, { tasks }) {
      for (const { swapSpec } of tasks) if (swapSpec.style in swaps) swapSpec.strip = false;
      join(tasks);
    },
    handle_swap(style, target, fragment) {
      const made = swaps[style]?.(target, fragment.firstElementChild, feeding);
      if (conversation.mustJoin()) enter();
      return made;
    },
    htmx_before_response: (element, { ctx }) => ctx.target?.id !== "main" || isChat(ctx.response),
    htmx_after_process: attach,
    htmx_finally_swap: () => unread.paint(), // htmx may have set another title
  });
  attach(); // htmx may have processed the page before this module was there
}

// Called after every piece that htmx put into the page: the page itself, another conversation, one from history.
function attach() {
  const first = root === null;
  root = document.querySelector("[hx-chat]");
  const shown = document.querySelector("#main h1");
  const switched = shown !== heading;
  const changed = look();
  if (!switched && !changed) return;
  heading = shown;
  if (changed) {
    unread.leave(); // the conversation that the socket is still in
    conversation.leave();
  }
  show(first, switched);
  if (first) connect();
  else if (changed) enter();
}

function show(first, switched) {
  if (page.list) {
    timeline.adopt();
    scroll.adopt();
    conversation.tick();
    pending.paint();
    roving.adopt();
  }
  if (switched) {
    composer.adopt(first);
    pictures.paint();
    presence.forget();
  }
  presence.paint();
  banner.paint();
  unread.paint();
}

function connect() {
  outbox.open((box) => {
    if (box === page.conversation) pending.paint();
    banner.count(sender.waiting());
  });
  sender.start();
  intake.start(take);
  banner.start();
  socket.start(address, { opened, frame: intake.take, doubted: banner.doubt, lost, ended });
}

// `join` alone tells the server that the page shows no conversation.
function address() {
  asked = page.conversation;
  conversation.ask();
  const wanted = { ...(conversation.wanted() ?? { join: "" }), author: person.id };
  return `${root.getAttribute("hx-chat")}?${new URLSearchParams(wanted)}`;
}

// The reader may have gone to another room while the connection opened.
function opened() {
  pending.paint(); // nothing waits for the connection any more
  if (asked !== page.conversation) enter();
}

function enter() {
  sender.pause();
  conversation.ask();
  // A connection that is opening was asked for what the page lacked before: see `opened`.
  asked = socket.send({ type: "join", ...conversation.wanted() }) ? page.conversation : undefined;
}

// Frames in the order they came in: fragments that follow each other are one swap.
function take(frames) {
  let text = "";
  for (const frame of frames) {
    if (!frame.startsWith("{")) text += frame;
    else {
      swap(text);
      text = "";
      const message = JSON.parse(frame);
      control[message.type]?.(message, refetch);
    }
  }
  swap(text);
}

function swap(text) {
  if (!text) return;
  feeding = true;
  // Our swap styles do their work before this call returns, so frames keep their order.
  htmx.swap({ sourceElement: root, target: root, swap: "none", text }).catch((error) => console.error(error));
  feeding = false;
}

// Messages that follow each other go into the list at once: it is put in order, measured and trimmed for all of them.
function join(tasks) {
  for (let i = tasks.length - 1; i > 0; i--) {
    const [before, task] = tasks.slice(i - 1);
    if (task.swapSpec.style !== "timeline" || before.swapSpec.style !== "timeline") continue;
    before.fragment.firstElementChild.append(...task.fragment.firstElementChild.children);
    tasks.splice(i, 1);
  }
}

function lost(unopened) {
  intake.flush();
  conversation.leave();
  sender.down();
  pending.paint(); // what waited for the server waits for the connection now
  banner.down();
  if (unopened) probe();
}

function ended(code) {
  const login = `${person.base}/login?next=${encodeURIComponent(location.pathname + location.search)}`;
  if (code === 4401) location.assign(login);
  else banner.ended(word(code === 4403 ? "removed_from_room" : "too_many_tabs"));
}

// A refused handshake does not tell why. If it is the session, pages lead to the login, and so do we.
async function probe() {
  try {
    const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) ended(4401);
  } catch {
    // no network: the socket tries again
  }
}

// The server cannot bring this list up to date (too much is missing, or another database): reload it.
async function refetch() {
  conversation.leave();
  const list = page.list;
  const again = () => setTimeout(() => list === page.list && refetch(), REFETCH);
  if (performance.now() - refetched < REFETCH) return again();
  refetched = performance.now();
  try {
    const answer = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } });
    if (answer.redirected || (answer.status >= 400 && answer.status < 500)) return location.reload();
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text();
    if (list !== page.list) return;
    await htmx.swap({ sourceElement: root, target: "#scroller", select: "#scroller", swap: "outerHTML", text });
  } catch {
    again();
  }
}

// Only a page of the chat may be swapped in: not an error, nor the login after the session ended.
function isChat({ status, raw }) {
  if (status < 400 && !raw.redirected) return true;
  if (status >= 500) refuse(word("try_again"));
  else location.assign(raw.url);
  return false;
}

// The htmx extension: <div hx-chat="/ws"> keeps one connection for all conversations shown below it. Fragments from
// the server go through htmx.swap, so hx-* attributes in them come alive; control frames go to whom they concern.

import * as announce from "./announce.js";
import * as banner from "./banner.js";
import * as composer from "./composer.js";
import * as conversation from "./conversation.js";
import * as outbox from "./outbox.js";
import { endsAtNewest, limits, look, page, person, refuse } from "./page.js";
import * as pending from "./pending.js";
import * as pictures from "./pictures.js";
import * as presence from "./presence.js";
import * as scroll from "./scroll.js";
import * as sender from "./sender.js";
import * as socket from "./socket.js";
import * as timeline from "./timeline.js";
import * as unread from "./unread.js";
import { word } from "./words.js";

const REFETCH = 2_000; // ms between two tries to take the list anew

let root = null;
let asked; // the conversation that the server was asked for last
let refetched = -REFETCH; // when the list was last taken anew
let feeding = false; // a fragment of the socket is being swapped in, not one of a page request

const frames = {
  hello({ conversation: key, recovered, limits: sizes }) {
    Object.assign(limits, sizes);
    if (!conversation.begin(key)) return;
    if (recovered === false) refetch();
  },
  ready({ upto }) {
    if (!conversation.finish(upto)) return;
    socket.settle();
    banner.up();
    sender.up();
    pending.paint();
    unread.look();
  },
  sent(frame) {
    conversation.name(frame);
    sender.sent(frame);
  },
  saved(frame) {
    const ids = sender.saved(frame);
    if (frame.upto) conversation.advance(frame.upto);
    for (const id of ids) if (id && document.getElementById(`m-${id}`)) pending.seal(document.getElementById(`m-${id}`));
  },
  refused(frame) {
    if (frame.key) sender.refused(frame);
    else refuse(frame.reason);
  },
  failed(frame) {
    conversation.take([frame.id]);
    sender.refused(frame);
  },
  unread: (frame) => unread.set(frame),
  beat() {},
};

const swaps = {
  timeline(list, content) {
    const items = [...content.querySelectorAll(":scope > .msg")];
    if (!feeding) return list === page.list ? timeline.insert(items, false) : [];
    if (!conversation.takes(list)) return [];
    const fresh = conversation.bring(items);
    pending.paint();
    if (conversation.isLive()) arrived(fresh);
    return fresh.filter((item) => item.isConnected);
  },
  removed(list, content) {
    if (conversation.takes(list)) conversation.take([...content.children].map((item) => Number(item.dataset.mid)));
    pending.paint();
    return [];
  },
  unread: (side, notice) => unread.notice(notice),
  presence(side, notice) {
    presence.notice(notice);
    return [];
  },
  typing(line, { dataset }) {
    if (conversation.isLive() && dataset.user !== person.id) presence.typing(dataset.user, dataset.name);
    return [];
  },
};

export function start() {
  htmx.registerExtension("chat", {
    // htmx hands the children of an out-of-band element to a swap; ours also need the attributes of the element.
    htmx_before_swap(element, { tasks }) {
      for (const { swapSpec } of tasks) if (swapSpec.style in swaps) swapSpec.strip = false;
    },
    handle_swap: (style, target, fragment) => swaps[style]?.(target, fragment.firstElementChild),
    htmx_after_process: attach,
    htmx_finally_swap: () => unread.paint(),
    htmx_before_response: (element, { ctx }) => (ctx.target?.id === "main" ? stay(ctx) : true),
  });
  attach(); // htmx may have processed the page before this module was there
}

// Called after every piece of page that htmx put in: the first one, another conversation, a page from history.
function attach() {
  const found = document.querySelector("[hx-chat]");
  if (!found) return;
  const first = root === null;
  root = found;
  const main = document.getElementById("main");
  const switched = main.dataset.known === undefined;
  main.dataset.known = "";
  const changed = look();
  if (!first && !switched && !changed) return;
  if (changed) conversation.leave();
  show(first, switched);
  if (first) connect();
  else if (changed) join();
}

function show(first, switched) {
  if (page.list) {
    timeline.adopt();
    scroll.adopt();
    conversation.tick();
    pending.paint();
  }
  if (switched) {
    composer.adopt(first);
    pictures.paint();
  }
  presence.paint();
  banner.paint();
  unread.paint();
}

function connect() {
  outbox.open((conversationOfBox) => {
    if (conversationOfBox === page.conversation) pending.paint();
    banner.count(sender.waiting());
  });
  sender.start();
  socket.start(
    () => {
      asked = page.conversation;
      conversation.ask();
      return `${root.getAttribute("hx-chat")}?${new URLSearchParams(conversation.wanted())}`;
    },
    { opened, frame, lost, ended },
  );
}

// The reader may have gone to another room while the connection opened.
function opened() {
  if (asked !== page.conversation) join();
}

function join() {
  sender.pause();
  conversation.ask();
  if (socket.send({ type: "join", ...conversation.wanted() })) asked = page.conversation;
}

function frame(text) {
  if (text.startsWith("{")) {
    const message = JSON.parse(text);
    return frames[message.type]?.(message);
  }
  feeding = true;
  try {
    // Our swap styles do their work before this call returns, so frames keep their order.
    htmx.swap({ sourceElement: root, target: root, swap: "none", text }).catch((error) => console.error(error));
  } finally {
    feeding = false;
  }
}

function arrived(fresh) {
  const others = fresh.filter((item) => !timeline.isOwn(item));
  if (!scroll.isNear()) scroll.miss(others.length);
  announce.hear(others);
  for (const item of fresh) {
    presence.heard(item.dataset.author);
    unread.hear(page.conversation, Number(item.dataset.mid), item.dataset.author);
  }
  unread.look();
}

function lost(unopened) {
  conversation.leave();
  sender.down();
  banner.down();
  if (unopened) probe();
}

function ended(code) {
  const login = `${person.base}/login?next=${encodeURIComponent(location.pathname + location.search)}`;
  if (code === 4401) location.assign(login);
  else banner.ended(word(code === 4403 ? "removed_from_room" : "too_many_tabs"));
}

// A refused handshake does not tell why. If it is the session, the page leads to the login, and so do we.
async function probe() {
  try {
    const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) ended(4401);
  } catch {
    // no network: the socket tries again
  }
}

// The server cannot bring this page up to date (too much is missing, or another database): take the list anew.
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
    const ctx = { sourceElement: root, target: "#scroller", select: "#scroller", swap: "outerHTML", text };
    await htmx.swap(ctx);
  } catch {
    again();
  }
}

// What is no chat page must not land inside the chat: an error, or the login after the session ended.
function stay({ response }) {
  if (response.status < 400 && !response.raw.redirected) return true;
  if (response.status >= 500) refuse(word("try_again"));
  else location.assign(response.raw.url);
  return false;
}

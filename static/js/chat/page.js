// What the page shows: the person, the conversation and its list. htmx may replace any of it, so it is read again.

const { user = "", base = "" } = document.body.dataset;

export const person = { id: user, base };

// `list` is the <ol id="messages">; null on pages without a conversation.
export const page = { list: null, conversation: null };

// Read the page again and tell whether it shows another list than before.
export function look() {
  const list = document.getElementById("messages");
  if (list === page.list) return false;
  page.list = list;
  page.conversation = list?.dataset.conversation ?? null;
  return true;
}

// A page found by a permalink, or an older one, does not end at the newest message: nothing is appended to it.
export function endsAtNewest() {
  return Boolean(page.list) && page.list.dataset.newest !== "0";
}

export function composer() {
  return document.getElementById("composer");
}

// The address of the conversation itself; the composer posts to the messages below it.
export function path() {
  return composer()?.getAttribute("action").replace(/\/messages$/, "") ?? null;
}

// The address of its newest messages, whatever is unread above them.
export function latest() {
  return `${path()}?latest=1`;
}

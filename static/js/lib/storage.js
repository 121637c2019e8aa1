// localStorage, or memory where the browser refuses it (blocked by policy, private window, full).

const TYPED = /^chatapp:(outbox|draft|edit):/; // unsent text, which nobody should lose
const EMPTY = ["[]", '""', "null"];

const memory = new Map();
let tell = () => {};
let told = false;

// Call `listener(isSo)` whenever it turns out that what is typed stays in this page only, or is kept again.
export function start(listener) {
  tell = listener;
  look();
}

export function read(name) {
  try {
    return JSON.parse(memory.get(name) ?? localStorage.getItem(name));
  } catch {
    return null;
  }
}

// A person who logged out in another tab leaves nothing here: not even what this tab is about to keep.
export function write(name, value) {
  const [, kind, whose] = name.split(":");
  if (kind !== "out" && whose && read(outName(whose))) return;
  keep(name, value);
}

// The same for what the log-out itself keeps.
export function keep(name, value) {
  put(name, JSON.stringify(value));
  look();
}

export function erase(name) {
  memory.delete(name);
  try {
    localStorage.removeItem(name);
  } catch {
    // nothing was kept there either
  }
  look();
}

export function names(prefix) {
  const all = new Set(memory.keys());
  try {
    for (const name of Object.keys(localStorage)) all.add(name);
  } catch {
    // memory is all there is
  }
  return [...all].filter((name) => name.startsWith(prefix));
}

// Whether something that was typed is in this page only, though the browser got another chance to keep it.
export function isUnkept() {
  for (const [name, text] of memory) put(name, text);
  look();
  return [...memory].some(([name, text]) => TYPED.test(name) && !EMPTY.includes(text));
}

// The name under which a log-out is recorded; account/back.js reads it.
export function outName(id) {
  return `chatapp:out:${id}`;
}

function put(name, text) {
  try {
    localStorage.setItem(name, text);
    memory.delete(name);
  } catch {
    memory.set(name, text);
  }
}

function look() {
  const isSo = [...memory.keys()].some((name) => TYPED.test(name));
  if (isSo === told) return;
  told = isSo;
  tell(isSo);
}

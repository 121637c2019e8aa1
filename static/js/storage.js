// localStorage, or memory where the browser refuses it (blocked by policy, private window, full).

const memory = new Map();

export function read(name) {
  try {
    return JSON.parse(memory.get(name) ?? localStorage.getItem(name));
  } catch {
    return null;
  }
}

export function write(name, value) {
  const text = JSON.stringify(value);
  try {
    localStorage.setItem(name, text);
    memory.delete(name);
  } catch {
    memory.set(name, text);
  }
}

export function erase(name) {
  memory.delete(name);
  try {
    localStorage.removeItem(name);
  } catch {
    // nothing was kept there either
  }
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

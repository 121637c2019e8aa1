// Batching of incoming frames. A lone one goes in at once. In a flood they go in together, because most of the cost is
// paid once per batch, and between two batches the page stays responsive.

const PAUSE = 50; // ms from one batch to the next: too short to be noticed in a chat, long enough to handle a key
const SIZE = 50_000; // characters of a batch, some sixty messages, so that none holds up a key for long

let feed; // puts an array of frames into the page
let waiting = [];
let free = 0; // when the next batch may go in
let timer = null;

export function start(toFeed) {
  feed = toFeed;
}

// A control frame is not held back, because the next message to send waits for it; nor is anything in a hidden page,
// whose timers are throttled.
export function take(frame) {
  waiting.push(frame);
  const wait = frame.startsWith("{") || document.hidden ? 0 : free - performance.now();
  if (wait <= 0) drain();
  else timer ??= setTimeout(drain, wait);
}

// Put in all that came, before something else begins.
export function flush() {
  while (waiting.length) drain();
}

function drain() {
  clearTimeout(timer);
  timer = null;
  const began = performance.now();
  feed(batch());
  const now = performance.now();
  const spent = now - began; // a slow machine needs as long again, to draw and to listen
  free = now + Math.max(PAUSE, spent);
  if (waiting.length) timer = setTimeout(drain, spent);
}

function batch() {
  let [count, size] = [0, 0];
  while (count < waiting.length && size < SIZE) size += waiting[count++].length;
  return waiting.splice(0, count);
}

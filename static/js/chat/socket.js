// The tab's WebSocket: opens, detects that it is dead, reconnects. It does not interpret frames.
// It never pauses in a hidden tab: unread counts have to arrive there.

const FIRST = 500; // ms; the first retry comes within this
const CAP = 15_000; // ms; and later ones at most this far apart
const SLOW = 5_000; // ms; after a close that says the fault is ours
const OPENING = 10_000; // ms to complete the handshake
const SILENCE = 25_000; // ms without hearing anything until the server is asked: it beats every 20 by itself
const OFFLINE = 1_000; // ms; the same while the browser says that it is offline, which a network at home may not be
const DEAD = 45_000; // ms of silence after which it is dropped unasked: the server did so after 30, this machine slept
const DOUBT = 1_800; // ms to hear anything after a check until the reader is told; on a slow line, as long as it took
const LONG = 5_000; // ms; to open, but at most this
const ANSWER = 8_000; // ms to hear anything after a check until the connection counts as dead
const AWAY = 30_000; // ms unseen after which a connection is checked: the network may have slept
const FINAL = [4401, 4403, 4408]; // session ended, removed, too many connections: trying again cannot help

let address; // () => path and query of the next connection
let listener; // { opened(), frame(text), doubted(isSo), lost(unopened), ended(code) }
let socket = null;
let tries = 0;
let stopped = true;
let heard = 0;
let gone = -1; // when the browser said that it is offline
let opening = 0; // ms that the handshake took
let isDoubted = false;
let left = null;
let retryTimer, openTimer, watchTimer, doubtTimer, checkTimer;

export function start(toAddress, toListener) {
  [address, listener, stopped] = [toAddress, toListener, false];
  addEventListener("online", wake);
  addEventListener("offline", doze);
  addEventListener("focus", back);
  addEventListener("blur", leave);
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : back()));
  // A page in the back/forward cache must not hold a connection; the one that comes back opens its own.
  addEventListener("pagehide", () => stop());
  addEventListener("pageshow", (event) => event.persisted && restart());
  connect();
}

// Send a frame; false when there is no connection to send it on.
export function send(frame) {
  if (!isOpen()) return false;
  socket.send(JSON.stringify(frame));
  return true;
}

export function isOpen() {
  return socket?.readyState === WebSocket.OPEN;
}

// The connection has proved itself (ready came): the next loss starts with short waits again.
export function settle() {
  tries = 0;
}

// Drop what there is and connect at once.
export function restart() {
  stopped = false;
  if (socket) lose(socket);
  retry();
}

// Connect at once if there is no connection.
export function retry() {
  if (!stopped && !socket) connect();
}

export function stop() {
  stopped = true;
  clearTimeout(retryTimer);
  if (socket) lose(socket);
}

// Ping the server. A half-open connection looks open to the browser until something is sent.
export function check() {
  if (checkTimer || !send({ type: "beat" })) return;
  checkTimer = setTimeout(restart, ANSWER);
  doubtTimer = setTimeout(doubt, Math.min(Math.max(DOUBT, opening), LONG), true);
}

// Somebody waits for the connection: see that it lives, or open another one at once.
export function hurry() {
  if (isOpen()) check();
  else if (!stopped) restart();
}

function connect() {
  clearTimeout(retryTimer);
  const url = new URL(address(), location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const mine = (socket = new WebSocket(url));
  let unopened = true;
  const began = (heard = performance.now());
  openTimer = setTimeout(() => lose(mine, true), OPENING);
  mine.onopen = () => {
    clearTimeout(openTimer);
    unopened = false;
    hear();
    opening = heard - began;
    watch();
    listener.opened();
  };
  mine.onmessage = ({ data }) => {
    hear();
    listener.frame(data);
  };
  mine.onclose = ({ code }) => lose(mine, unopened, code);
}

function hear() {
  heard = performance.now();
  if (checkTimer) settled();
  if (isDoubted) doubt(false);
}

// No check is under way.
function settled() {
  clearTimeout(checkTimer);
  clearTimeout(doubtTimer);
  checkTimer = null;
}

function doubt(isSo) {
  isDoubted = isSo;
  listener.doubted(isSo);
}

// Let go of a connection without waiting for its closing handshake, which a dead network never finishes.
function lose(old, unopened = false, code = 1006) {
  if (old !== socket) return;
  clearTimeout(openTimer);
  clearTimeout(watchTimer);
  settled();
  socket = null;
  isDoubted = false; // it is certain now
  old.onopen = old.onmessage = old.onclose = null;
  old.close();
  listener.lost(unopened);
  if (FINAL.includes(code)) {
    stopped = true;
    listener.ended(code);
  } else if (!stopped) {
    retryTimer = setTimeout(retry, Math.max(delay(), code === 1008 || code === 1009 ? SLOW : 0));
  }
}

// Double each time, with jitter: after a restart a thousand pages must not come back in one moment.
function delay() {
  const longest = Math.min(FIRST * 2 ** tries, CAP);
  tries += 1;
  return longest * (0.5 + Math.random() / 2);
}

// A timer of its own for the moment when silence becomes suspicious: a hidden page is woken for nothing else. One that
// slept looks at the clock, which may have jumped.
function watch() {
  clearTimeout(watchTimer);
  const limit = navigator.onLine ? SILENCE : OFFLINE;
  const silence = performance.now() - heard;
  if (silence > DEAD) return restart();
  if (silence >= limit) check();
  watchTimer = setTimeout(watch, silence >= limit ? limit : limit - silence);
}

// The browser says that there is no network. It may be wrong about a server on this machine or in this house.
function doze() {
  gone = performance.now();
  if (isOpen()) watch();
}

// What was open before the network went belongs to another address, most likely.
function wake() {
  if (stopped) return;
  tries = 0;
  if (heard > gone) hurry();
  else restart();
}

function leave() {
  left ??= performance.now();
}

function back() {
  if (document.hidden) return;
  retry();
  if (left !== null && performance.now() - left > AWAY) check();
  left = null;
}

// Local times: in the zone of the reader, the language of the page, the format of their region.

const language = document.documentElement.lang || "en";
// en-GB and en-US write times differently: the page chooses the language, the browser the region.
const locale = navigator.languages.find((tag) => tag.split("-")[0] === language) ?? language;
const clock = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const DAY = 86_400_000; // ms
const YEAR = 365 * 24 * 3600; // seconds; how long the server may remember the zone

export function start(base) {
  tellZone(base);
  write(document);
  midnight();
  document.addEventListener("visibilitychange", relabel);
}

// Rewrite the times below an element.
export function write(root) {
  for (const time of root.querySelectorAll(".when time")) {
    const date = new Date(time.dateTime);
    time.textContent = clock.format(date).replace("\u202f", " "); // it may break before AM and PM where it must
    time.title = full.format(date);
  }
  for (const time of root.querySelectorAll(".newline time")) time.textContent = since(Date.parse(time.dateTime));
}

// A moment within a sentence: its time, with its day if that is not today.
function since(moment) {
  const day = dayOf(moment);
  const named = day === dayOf(Date.now() - DAY) ? relative.format(-1, "day") : dayLabel(day);
  return clock.format(moment) + (day === dayOf(Date.now()) ? "" : `, ${named}`);
}

// Name a day by its local date, for comparing: 2026-11-23.
export function dayOf(milliseconds) {
  const date = new Date(milliseconds);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
}

// Name a day for people: Today, Yesterday, or its weekday and date.
export function dayLabel(day) {
  const noon = new Date(`${day}T12:00`);
  const today = new Date(`${dayOf(Date.now())}T12:00`);
  const distance = Math.round((noon - today) / DAY);
  if (distance === 0 || distance === -1) return capital(relative.format(distance, "day"));
  const year = noon.getFullYear() === today.getFullYear() ? undefined : "numeric";
  const parts = { weekday: "long", day: "numeric", month: "long", year };
  return capital(new Intl.DateTimeFormat(locale, parts).format(noon));
}

function capital(text) {
  return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
}

// The server writes times too: on pages without scripts, and on the first paint of all others.
function tellZone(base) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || document.cookie.split("; ").includes(`zone=${zone}`)) return;
  document.cookie = `zone=${zone}; path=${base || "/"}; max-age=${YEAR}; samesite=lax`;
}

// "Today" turns into "Yesterday" while people look at it. A sleeping machine misses its timers: see start.
function midnight() {
  const next = new Date();
  next.setHours(24, 0, 1, 0);
  setTimeout(() => {
    relabel();
    midnight();
  }, next - Date.now());
}

function relabel() {
  for (const time of document.querySelectorAll(".day time")) time.textContent = dayLabel(time.dateTime);
}

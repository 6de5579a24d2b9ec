// Live pages without a framework: when the server says that something changed, fetch the page and swap what differs.
// Everything works without this file: forms post and pages reload.
"use strict";

const body = document.body;
const said = document.getElementById("said");
const livestate = document.getElementById("livestate");
let source = null;
let busy = false;
let again = false;

const parse = (html) => new DOMParser().parseFromString(html, "text/html");

/** What tells a form's field apart, before and after a swap. */
const nameOf = (field) => `${field.form?.getAttribute("action")} ${field.name}`;
const FIELDS = "input:not([type=hidden]), select, textarea";

/** Whether the reader changed a field; one they left alone takes the fresh page's value. */
function touched(field) {
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.options) return !(([...field.options].find((option) => option.defaultSelected) ?? field.options[0])?.selected);
  return field.value !== field.defaultValue;
}

/** What the reader has done to a part of the page: typed, opened, moved to. */
function remember(part) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  return {
    fields: new Map([...part.querySelectorAll(FIELDS)].filter(touched).map((field) => [nameOf(field), [field.value, field.checked]])),
    open: [...part.querySelectorAll("details[open][id]")].map((item) => item.id),
    keys: new Set([...part.querySelectorAll("[data-key]")].map((item) => item.dataset.key)),
    focus: focused && { id: focused.id, name: focused.form && focused.name ? nameOf(focused) : "", at: caret(focused) },
  };
}

function caret(field) {
  try { return [field.selectionStart, field.selectionEnd]; } catch { return null; }
}

/** Do the same to the part that took its place. */
function restore(part, before) {
  for (const id of before.open) part.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
  for (const field of part.querySelectorAll(FIELDS)) {
    const known = before.fields.get(nameOf(field));
    if (known) [field.value, field.checked] = known;
  }
  for (const item of part.querySelectorAll("[data-key]")) {
    if (before.keys.size && !before.keys.has(item.dataset.key)) item.classList.add("fresh");
  }
  if (!before.focus) return;
  const { id, name, at } = before.focus;
  const heir = (id && part.querySelector(`#${CSS.escape(id)}`))
    || [...part.querySelectorAll(FIELDS)].find((field) => nameOf(field) === name);
  heir?.focus({ preventScroll: true });
  if (heir && at && at[0] !== null) heir.setSelectionRange?.(at[0], at[1]);
}

const bare = (part) => part.innerHTML.replaceAll(' open=""', "").replaceAll(/ class="fresh"| fresh(?=")/g, "");

/** Put the fresh page's live parts in place of ours, without disturbing who is reading or typing. */
function swap(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(part.id);
    if (!other || (part.className === other.className && bare(part) === bare(other))) continue;
    const before = remember(part);
    part.className = other.className;
    part.replaceChildren(...other.childNodes);
    restore(part, before);
  }
  document.title = fresh.title || document.title;
  tick();
}

async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (answer.redirected && new URL(answer.url).pathname === "/login") { location.assign(answer.url); return; }
    if (answer.ok) swap(parse(await answer.text()));
  } catch {
    state("lost");
  } finally {
    busy = false;
    if (again) { again = false; refresh(); }
  }
}

function state(now) {
  if (!livestate) return;
  livestate.dataset.state = now;
  livestate.textContent = { live: "Live", lost: "Not live: reconnecting …", waiting: "Connecting …" }[now];
}

function listen() {
  if (source || !body.dataset.events || document.hidden) return;
  source = new EventSource(body.dataset.events);
  source.addEventListener("open", () => state("live"));
  source.addEventListener("changed", (event) => {
    const news = JSON.parse(event.data);
    if (String(news.version) === (document.querySelector("[data-version]")?.dataset.version ?? "")) return;
    refresh().then(() => { if (said) said.textContent = document.querySelector("[data-newest]")?.dataset.newest ?? "Updated."; });
  });
  source.addEventListener("error", () => {
    state("lost");
    if (source && source.readyState === EventSource.CLOSED) { hush(); setTimeout(() => { refresh(); listen(); }, 3000); }
  });
}

function hush() {
  source?.close();
  source = null;
}

// A page in the background holds no connection; coming back, it looks at once.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) hush();
  else if (body.dataset.events) { listen(); refresh(); }
});
addEventListener("pagehide", hush);

/** Send a form and stay on the page; the answer is the page as it is now, with what went wrong at its top. */
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !("stay" in form.dataset)) return;
  event.preventDefault();
  const button = event.submitter ?? form.querySelector("button");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    const answer = await fetch(form.action, {
      method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "text/html" }, credentials: "same-origin",
    });
    const fresh = parse(await answer.text());
    if (!fresh.querySelector("[data-live]")) { document.documentElement.replaceWith(fresh.documentElement); return; }
    if (answer.ok) empty(form.getAttribute("action"));
    swap(fresh);
    const notice = document.getElementById("notice");
    if (!answer.ok) { notice?.focus(); notice?.scrollIntoView({ block: "nearest" }); }
  } catch {
    form.submit();
  } finally {
    button.removeAttribute("aria-disabled");
  }
});

/** A form that was sent is done with; news that came meanwhile may have put another in its place. */
function empty(action) {
  for (const form of document.querySelectorAll("form[data-stay]")) {
    if (form.getAttribute("action") !== action) continue;
    form.reset();
    form.closest("details")?.removeAttribute("open");
  }
}

/** "4 min ago" stays true while the page is open. */
function tick() {
  for (const mark of document.querySelectorAll("time.ago")) {
    const seconds = Math.round((Date.parse(mark.dateTime) - Date.now() + skew) / 1000);
    const text = span(seconds);
    if (mark.textContent !== text) mark.textContent = text;
  }
}

function span(seconds) {
  const size = Math.abs(seconds);
  let words;
  if (size < 60) { if (seconds <= 0) return "just now"; words = `${size} s`; }
  else if (size < 3600) words = `${Math.floor(size / 60)} min`;
  else if (size < 86400) words = `${Math.floor(size / 3600)} h ${Math.floor((size % 3600) / 60)} min`;
  else { const days = Math.floor(size / 86400); words = `${days} day${days > 1 ? "s" : ""}`; }
  return seconds > 0 ? `in ${words}` : `${words} ago`;
}

// The server's clock is the one that pages people; a phone may be wrong by minutes.
const skew = body.dataset.now ? Date.now() - Date.parse(body.dataset.now) : 0;

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = "Copied";
});

for (const item of document.querySelectorAll("[data-script]")) item.hidden = false;
tick();
setInterval(tick, 5000);
listen();

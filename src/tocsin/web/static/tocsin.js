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

/** Put the fresh page's live parts in place of ours; whoever had the focus keeps it. */
function swap(fresh) {
  const focused = document.activeElement && document.activeElement.id;
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(part.id);
    if (!other) continue;
    if (part.innerHTML === other.innerHTML && part.className === other.className) continue;
    const known = new Set([...part.querySelectorAll("[data-key]")].map((item) => item.dataset.key));
    const open = new Set([...part.querySelectorAll("details[open][id]")].map((item) => item.id));
    part.className = other.className;
    part.replaceChildren(...other.childNodes);
    for (const item of part.querySelectorAll("[data-key]")) {
      if (known.size && !known.has(item.dataset.key)) item.classList.add("fresh");
    }
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  }
  document.title = fresh.title || document.title;
  if (focused && document.activeElement === body) document.getElementById(focused)?.focus({ preventScroll: true });
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
    if (answer.ok) { form.reset(); form.closest("details")?.removeAttribute("open"); }
    swap(fresh);
    const notice = document.getElementById("notice");
    if (!answer.ok) { notice?.focus(); notice?.scrollIntoView({ block: "nearest" }); }
  } catch {
    form.submit();
  } finally {
    button.removeAttribute("aria-disabled");
  }
});

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

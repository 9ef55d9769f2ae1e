/* Every form that is sent says that it is under way, and is sent once. Without JavaScript the portal itself takes it once.
   [data-working] is what a form says that may take a while; a form with [data-file] hears by a cookie that its file has begun. */

import { begin, end, isBusy } from "./busy.js";

const SHORTLY = 400, AGAIN = 30_000, LONG = 600_000, OFTEN = 200;
const timers = new WeakMap();
const unsent = document.querySelector("[data-unsent]");
const sure = new WeakSet();

function send(event) {
  const form = event.target;
  if (event.defaultPrevented || form.target || form.method === "dialog") return;
  if (isBusy(form)) return event.preventDefault();
  if (!navigator.onLine && !sure.delete(form)) return sendIfThere(event);
  const says = (what) => form.querySelectorAll(`[data-${what}]`);
  begin(form);
  if (form.matches("[data-file]")) expectFile(form);
  timers.set(form, [
    setTimeout(begin, 0, form, event.submitter), // only now: what is sent may hold what a button says
    setTimeout(() => says("working").forEach((words) => { words.hidden = false; }), SHORTLY),
    setTimeout(revive, says("working").length ? LONG : AGAIN, form), // given up, or answered by no page
  ]);
}

/* Holds a form back where the browser's error page would stand in its place. It may be wrong about being offline: the portal is asked. */
async function sendIfThere(event) {
  const { target, submitter } = event;
  event.preventDefault();
  const answers = await fetch(import.meta.url, { method: "HEAD", cache: "no-store" }).then(() => true, () => false);
  unsent.hidden = answers;
  if (!answers) return;
  sure.add(target);
  target.requestSubmit(submitter);
}

function revive(form) {
  timers.get(form)?.forEach(clearTimeout);
  form.querySelectorAll("[data-working]").forEach((words) => { words.hidden = true; });
  end(form);
}

function expectFile(form) {
  const mark = crypto.getRandomValues(new Uint32Array(1))[0].toString(16);
  const begun = form.querySelector("[data-begun]");
  form.elements.namedItem("mark").value = mark;
  begun.hidden = true;
  const timer = setInterval(() => {
    const isThere = document.cookie.split("; ").includes(`lychgate-file=${mark}`);
    if (isBusy(form) && !isThere) return;
    clearInterval(timer);
    begun.hidden = !isThere;
    revive(form);
  }, OFTEN);
}

const reviveAll = () => document.querySelectorAll("form[aria-busy]").forEach(revive);

document.addEventListener("submit", send);
document.addEventListener("keydown", (event) => event.key === "Escape" && reviveAll()); // it stops what a browser loads
addEventListener("online", () => { unsent.hidden = true; });
addEventListener("pageshow", (event) => event.persisted && reviveAll());

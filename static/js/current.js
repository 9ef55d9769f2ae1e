/* Says below the page that what it shows is not current any more, since when and why; takes that back once an answer came.
   What it may say stands in _not_current.html. Both functions return in how many seconds to look again. */

const PATIENCE = 2; // looks in a row that may come to nothing before it is said
const SOON = 2, LATER = 10, SELDOM = 15;
const bar = document.getElementById("current");
let missedLooks = 0;

export function heard(page, pause) {
  missedLooks = 0;
  const asOf = page.querySelector("#current time")?.dateTime;
  if (asOf) for (const time of bar.querySelectorAll("[data-as-of] time")) show(time, new Date(asOf));
  say("");
  return pause;
}

export function missed({ why, wait, to }) {
  missedLooks += 1;
  if (why === "away" && missedLooks < PATIENCE) return SOON;
  if (to) bar.querySelector("[data-to-sign-in]").href = to;
  if (wait) for (const time of bar.querySelectorAll("[data-again] time")) show(time, new Date(Date.now() + wait * 1000));
  say(why);
  if (why !== "away" && why !== "offline") return wait ?? SELDOM;
  return Math.min(LATER, missedLooks + Math.random()); // not everybody at the same moment
}

function say(why) {
  if ((document.body.dataset.notCurrent ?? "") === why) return;
  for (const words of bar.querySelectorAll("[data-why]")) words.hidden = words.dataset.why !== why;
  if (why) document.body.dataset.notCurrent = why;
  else delete document.body.dataset.notCurrent;
}

function show(time, instant) {
  time.dateTime = instant.toISOString();
  time.title = `${time.dateTime.slice(11, 19)} UTC`;
  showLocalTime(time);
}

/* Shows every <time data-local> in the viewer's own zone, names it, and keeps UTC in its title.
   Without JavaScript the page shows UTC, and says so. */

const LANGUAGE = { en: "en-GB" }[document.documentElement.lang] ?? document.documentElement.lang; // the day first, 24 hours
const TIME = { hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
const DAY = { day: "numeric", month: "short", year: "numeric" };

function showLocalTime(time) {
  const instant = new Date(time.dateTime);
  const today = new Date().toDateString() === instant.toDateString();
  const exact = time.dataset.local ? { ...TIME, second: "2-digit" } : TIME;
  const hour = today && time.dataset.local !== "whole"; // alone: "whole" stands in a sentence that says "on"
  time.textContent = new Intl.DateTimeFormat(LANGUAGE, hour ? exact : { ...DAY, ...exact }).format(instant);
}

function showLocalTimes() {
  for (const time of document.querySelectorAll("time[data-local]:not([title])")) {
    time.title = time.textContent.trim();
    showLocalTime(time);
  }
}

showLocalTimes();
document.addEventListener("lychgate:changed", showLocalTimes);

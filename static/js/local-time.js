/* Shows every <time data-local> in the viewer's own zone, and keeps UTC in its title.
   Without JavaScript the page shows UTC, and says so. */

function showLocalTimes() {
  for (const time of document.querySelectorAll("time[data-local]:not([title])")) {
    const instant = new Date(time.dateTime);
    const today = new Date().toDateString() === instant.toDateString();
    const shape = today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
    time.title = time.textContent.trim();
    time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, shape).format(instant);
  }
}

showLocalTimes();
document.addEventListener("lychgate:changed", showLocalTimes);

/* Counts <time data-countdown> down to its instant. The units are those of templatetags/times.py. */

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

function inWords(seconds) {
  let rest = Math.max(0, Math.floor(seconds));
  const parts = [];
  for (const [size, unit] of UNITS) {
    const count = Math.floor(rest / size);
    rest %= size;
    if (count) parts.push(`${count} ${unit}`);
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

function tick() {
  for (const time of document.querySelectorAll("time[data-countdown]")) {
    const left = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const words = inWords(left);
    if (time.textContent !== words) time.textContent = words;
    // The deadline has passed while somebody looks: ask the portal what is true now.
    if (left <= 0 && left > -60) time.closest("[id=live]")?.setAttribute("data-refresh", "2");
  }
}

tick();
setInterval(tick, 1000);

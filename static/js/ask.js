/* Asking, in the viewer's own zone: keeps the end that is shown true while one chooses, offers the end of the
   working day, and takes the start in local time. What is sent stays as without JavaScript: minutes, and UTC. */

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const ask = document.querySelector("[data-ask]");
const start = ask?.querySelector("[name=starts_at]"); // in UTC, and sent
const local = start?.cloneNode();
const until = ask?.querySelector("[data-until]");

const named = (name) => ask.querySelectorAll(`[name=${name}]`);
const chosen = (name) => [...named(name)].find((choice) => choice.checked)?.value;
const asText = (date, offset) => new Date(date - offset * 60_000).toISOString().slice(0, 16);

function begin() {
  const later = chosen("begins") === "later" && start.value ? Date.parse(`${start.value}Z`) : 0;
  return new Date(Math.max(later, Date.parse(ask.dataset.begins), Date.now()));
}

function minutesUntil() {
  const end = begin();
  end.setHours(until.dataset.until, 0, 0, 0);
  return Math.floor((end - begin()) / 60_000);
}

function showEnd() {
  const length = chosen("duration");
  const seconds = length === "custom" ? named("minutes")[0].value * 60 : Number(length);
  const time = ask.querySelector("[role=status] time");
  const isAllowed = seconds > 0 && seconds <= until.dataset.most;
  if (isAllowed) time.dateTime = new Date(begin().getTime() + seconds * 1000).toISOString();
  time.closest("[role=status]").hidden = !isAllowed;
  showLocalTime(time);
  const left = minutesUntil();
  until.hidden = left < 5 || left * 60 > until.dataset.most;
}

function takeLocalTime() {
  const shown = new Date(`${start.value}Z`);
  Object.assign(local, { id: "", name: "", value: start.value ? asText(shown, shown.getTimezoneOffset()) : "" });
  local.addEventListener("input", () => {
    start.value = local.value ? asText(new Date(local.value), 0) : "";
  });
  ask.querySelector("[data-zone]").textContent = ZONE;
  start.after(local);
  local.id = start.id;
  start.removeAttribute("id");
  start.hidden = true;
}

if (start) takeLocalTime();
if (ask) {
  until.querySelector("button").addEventListener("click", () => {
    [...named("duration")].at(-1).checked = true;
    named("minutes")[0].value = minutesUntil();
    showEnd();
  });
  ask.addEventListener("input", showEnd);
  showEnd();
}

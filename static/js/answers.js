/* Asks the portal for a page, and tells one that came from the ways in which none comes. Throws nothing. */

const bar = document.getElementById("current");
const signIn = new URL(bar.dataset.signIn, location.href).pathname;

/* {page, status, moved} where the portal answered; else {why}: "away", "offline", "signed-out" (with `to`), "too-much" (with `wait`). */
export async function ask(address, options = {}, patience = 10) {
  const nothing = { why: navigator.onLine ? "away" : "offline" };
  try {
    const answer = await fetch(address, { ...options, signal: AbortSignal.timeout(patience * 1000) });
    if (answer.redirected && new URL(answer.url).pathname === signIn) return { why: "signed-out", to: answer.url };
    if (answer.status === 429) return { why: "too-much", wait: Number(answer.headers.get("Retry-After")) || 60 };
    if (answer.status >= 500) return nothing;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const isOurs = page.getElementById("current"); // what stands between may answer instead of the portal
    return isOurs ? { page, status: answer.status, moved: answer.redirected && answer.url } : nothing;
  } catch {
    return nothing;
  }
}

export function isSomebodyElses(page) {
  return page.getElementById("current").dataset.who !== bar.dataset.who;
}

/* Says why nothing came of what was sent, where it was sent from; what was typed stays. */
export function sayWhy(why) {
  for (const note of document.querySelectorAll("[data-missed]")) note.hidden = !note.dataset.missed.split(" ").includes(why);
}

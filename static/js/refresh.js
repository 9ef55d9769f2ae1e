/* Looks again, every few seconds, while #live says that something is under way (data-refresh).
   Only that part of the page is replaced, and only where it changed. */

async function lookAgain() {
  const live = document.getElementById("live");
  if (!live?.hasAttribute("data-refresh") || document.hidden) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live");
  if (fresh && fresh.innerHTML !== live.dataset.seen) {
    fresh.dataset.seen = fresh.innerHTML;
    live.replaceWith(document.adoptNode(fresh));
    document.dispatchEvent(new Event("lychgate:changed"));
  }
}

setInterval(() => lookAgain().catch(() => {}), 3000);

/* Looks again, every few seconds, while #live says that something is under way (data-refresh).
   Only that part of the page is replaced, and only when its data-state says something new; it comes from
   this page's own address, or from another that #live names (data-from). */

async function lookAgain() {
  const live = document.getElementById("live");
  if (!live?.hasAttribute("data-refresh") || document.hidden) return;
  const answer = await fetch(live.dataset.from ?? location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live");
  if (fresh && fresh.dataset.state !== live.dataset.state) {
    live.replaceWith(document.adoptNode(fresh));
    document.dispatchEvent(new Event("lychgate:changed"));
  }
}

async function keepLooking() {
  await lookAgain().catch(() => {}); // offline: what is shown stays, and the next look may succeed
  setTimeout(keepLooking, 1000 * (document.getElementById("live")?.dataset.refresh ?? 2));
}

setTimeout(keepLooking, 2000);

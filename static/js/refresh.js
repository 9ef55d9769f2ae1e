/* Looks again, every few seconds, while #live says that something may change (data-refresh).
   Only that part of the page is replaced, and only when its data-state says something new; it comes from
   this page's own address, or from another that #live names (data-from). */

import { ask, isSomebodyElses } from "./answers.js";
import { heard, missed } from "./current.js";

const IDLE = 2;
let timer = 0, looks = false, notBefore = 0;

const live = () => document.getElementById("live");
const pause = () => Number(live()?.dataset.refresh ?? IDLE);

async function look() {
  const answer = await ask(live().dataset.from ?? location.href, { headers: { Accept: "text/html" } });
  if (answer.why) return missed(answer);
  if (isSomebodyElses(answer.page)) return missed({ why: "somebody-else" });
  const fresh = answer.page.getElementById("live");
  if (!fresh || answer.status !== 200) return missed({ why: "gone" });
  if (fresh.dataset.state !== live().dataset.state) {
    live().replaceWith(document.adoptNode(fresh));
    for (const said of document.querySelectorAll("[data-said]")) said.remove(); // it was about what stood here before
    document.dispatchEvent(new Event("lychgate:changed"));
  }
  return heard(answer.page, pause());
}

async function keepLooking() {
  clearTimeout(timer);
  looks = true;
  const seconds = live()?.hasAttribute("data-refresh") && !document.hidden ? await look() : IDLE;
  looks = false;
  notBefore = document.body.dataset.notCurrent === "too-much" ? Date.now() + seconds * 1000 : 0;
  timer = setTimeout(keepLooking, seconds * 1000);
}

function lookNow() {
  if (!looks && Date.now() >= notBefore) keepLooking();
}

timer = setTimeout(keepLooking, pause() * 1000);
for (const event of ["online", "offline"]) addEventListener(event, lookNow);
document.addEventListener("visibilitychange", lookNow);
addEventListener("pageshow", (event) => event.persisted && lookNow());

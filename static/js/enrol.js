/* Enrols with a key made here: only the public half is sent; the answer's file and QR are finished here. */

import { ask, isSomebodyElses, sayWhy } from "./answers.js";
import { begin, end, isBusy } from "./busy.js";
import { finish, showMain } from "./finish-config.js";
import { canMakeKeys, makePair } from "./keypair.js";

const PATIENCE = 30;
let wasSignedOut = false;
const form = () => document.querySelector("[data-enrol]");
const way = () => form().elements.namedItem("way");

function showWay() {
  form().querySelector("[data-paste]").hidden = way().value !== "pasted";
}

async function start() {
  form().addEventListener("change", showWay);
  form().addEventListener("submit", submit);
  showWay();
  if (await canMakeKeys()) return;
  form().querySelector(window.isSecureContext ? "[data-too-old]" : "[data-insecure]").hidden = false;
  form().querySelector("[name=way][value=browser]").disabled = true;
  if (!way().value) form().querySelector("[name=way][value=pasted]").checked = true;
  showWay();
}

async function submit(event) {
  if (way().value !== "browser") return;
  event.preventDefault();
  if (isBusy(form())) return;
  begin(form(), event.submitter);
  if (wasSignedOut) await renewToken();
  const pair = await makePair();
  const body = new FormData(form());
  body.set("public_key", pair.publicKey);
  const answer = await ask(location.href, { method: "POST", body }, PATIENCE);
  if (answer.moved) return location.assign(answer.moved);
  sayWhy(answer.why);
  wasSignedOut = answer.why === "signed-out";
  if (answer.page) show(answer.page, pair.privateKey);
  else end(form());
}

/* Whoever signed in again in another tab has a new token against forged forms. For somebody else this form is refused. */
async function renewToken() {
  const { page } = await ask(location.href);
  if (!page || isSomebodyElses(page)) return;
  form().elements.namedItem("csrfmiddlewaretoken").value = page.querySelector("[name=csrfmiddlewaretoken]").value;
}

function show(page, privateKey) {
  showMain(page);
  if (form()) return start();
  const ready = document.querySelector("[data-ready]");
  if (!ready) return;
  history.replaceState(null, "", ready.dataset.ready);
  finish(ready, privateKey);
}

start();

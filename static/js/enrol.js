/* Enrols with a key made here: only the public half is sent; the answer's file and QR are finished here. */

import { finish, showMain } from "./finish-config.js";
import { canMakeKeys, makePair } from "./keypair.js";

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
  const button = form().querySelector("button");
  button.disabled = true;
  const pair = await makePair();
  const body = new FormData(form());
  body.set("public_key", pair.publicKey);
  try {
    const answer = await fetch(location.href, { method: "POST", body });
    if (answer.redirected) location.assign(answer.url);
    else show(new DOMParser().parseFromString(await answer.text(), "text/html"), pair.privateKey);
  } catch {
    form().querySelector("[data-offline]").hidden = false;
    button.disabled = false;
  }
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

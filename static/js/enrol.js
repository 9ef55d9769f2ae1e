/* Enrols with a key made here: only the public half is sent; the answer's file and QR are finished here. */

import { canMakeKeys, makePair } from "./keypair.js";
import { drawQr } from "./qr.js";

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
  document.title = page.title;
  document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
  scrollTo(0, 0);
  if (form()) return start();
  const ready = document.querySelector("[data-ready]");
  if (!ready) return;
  history.replaceState(null, "", ready.dataset.ready);
  const config = ready.querySelector("[data-config-text]");
  config.textContent = config.textContent.replace(/^PrivateKey = .*$/m, `PrivateKey = ${privateKey}`);
  const card = ready.querySelector("[data-qr]");
  const code = drawQr(config.textContent, card.dataset.label);
  if (code) card.replaceChildren(code);
  card.hidden = !code;
  ready.querySelector("[data-qr-too-long]").hidden = Boolean(code);
  for (const buttons of ready.querySelectorAll("[data-needs-script]")) buttons.hidden = false;
  ready.querySelector("h1").focus();
}

start();

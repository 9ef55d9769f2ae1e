/* Finishes a config with the private key that this browser made: the text, the QR code and the buttons. Sends nothing. */

import { drawQr } from "./qr.js";

export function finish(ready, privateKey) {
  const config = ready.querySelector("[data-config-text]");
  config.textContent = config.textContent.replace(/^PrivateKey = .*$/m, `PrivateKey = ${privateKey}`);
  ready.dataset.unsaved = "";
  const card = ready.querySelector("[data-qr]");
  if (card) finishCode(ready, card, config.textContent);
  for (const buttons of ready.querySelectorAll("[data-needs-script]")) buttons.hidden = false;
  ready.querySelector("h1").focus();
}

function finishCode(ready, card, text) {
  const code = drawQr(text, card.dataset.label);
  if (code) card.replaceChildren(code);
  card.hidden = !code;
  ready.querySelector("[data-qr-too-long]").hidden = Boolean(code);
}

export function showMain(page) {
  document.title = page.title;
  document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
  scrollTo(0, 0);
}

/* Finishes a config with the private key that this browser made: the text, the QR code and the buttons. Sends nothing. */

import { drawQr } from "./qr.js";

export function finish(ready, privateKey) {
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

export function showMain(page) {
  document.title = page.title;
  document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
  scrollTo(0, 0);
}

/* A phone that was handed a link: moves the link's token from the address into the form, makes a key, and waits for the computer. */

import { ask, sayWhy } from "./answers.js";
import { begin, end, isBusy } from "./busy.js";
import { heard, missed } from "./current.js";
import { finish, showMain } from "./finish-config.js";
import { canMakeKeys, makePair } from "./keypair.js";

const PATIENCE = 30, SOON = 2;
const find = (what) => document.querySelector(what);
let pair = null; // a value in here, gone with the page

async function start() {
  const token = location.hash.slice(1);
  if (find("[data-token]")) readLink(token);
  else if (token) location.replace(`${location.pathname}?anew${location.hash}`);
  else if (find("[data-key]")) await offer();
  else if (find("[data-waits]")) lookAgain();
  else find("[data-goes-on]")?.requestSubmit(); // signed in for this alone: nothing is left to ask
}

function readLink(token) {
  if (!token) return;
  const form = find("[data-token]");
  form.elements.namedItem("token").value = token;
  form.elements.namedItem("scanned").disabled = false;
  for (const each of document.querySelectorAll("[data-typed]")) each.hidden = true;
  find("[data-scanned]").hidden = false;
}

async function offer() {
  find("[data-key]").addEventListener("submit", makeKey);
  const can = await canMakeKeys();
  find("[data-makes]").hidden = !can;
  if (!can) find(window.isSecureContext ? "[data-too-old]" : "[data-insecure]").hidden = false;
}

async function makeKey(event) {
  event.preventDefault();
  const form = event.target;
  if (isBusy(form)) return;
  begin(form, event.submitter);
  pair ??= await makePair(); // the same once more, where the answer to the first was lost
  const body = new FormData(form);
  body.set("public_key", pair.publicKey);
  const answer = await ask(form.action, { method: "POST", body }, PATIENCE);
  sayWhy(answer.why);
  if (!answer.page) return end(form);
  showMain(answer.page);
  await start();
}

async function lookAgain() {
  if (!pair) find("[data-key-gone]").hidden = false;
  const answer = await ask(location.pathname);
  const pause = answer.page ? heard(answer.page, SOON) : missed(answer);
  if (answer.page && !answer.page.querySelector("[data-waits]")) return arrive(answer.page);
  setTimeout(lookAgain, pause * 1000);
}

function arrive(page) {
  showMain(page);
  const ready = find("[data-ready]");
  if (ready && pair) finish(ready, pair.privateKey);
}

start();

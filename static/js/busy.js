/* Makes a form that was sent look so, and brings it back to life. The words stand on the tag of sending.js. */

const before = new WeakMap(); // what a button said
const words = document.querySelector("script[data-sending]").dataset.sending;
const heard = document.querySelector("[data-heard]"); // the same, for who does not see the button
const buttons = (form) => [...form.elements].filter((each) => each.type === "submit");
const label = (button) => (button.matches("input") ? "value" : "textContent");

export function isBusy(form) {
  return form.getAttribute("aria-busy") === "true";
}

export function begin(form, pressed) {
  form.setAttribute("aria-busy", "true");
  if (heard) heard.textContent = words;
  for (const button of buttons(form)) button.setAttribute("aria-disabled", "true");
  if (!pressed || pressed.childElementCount) return;
  before.set(pressed, pressed[label(pressed)]);
  pressed.style.minWidth = `${pressed.getBoundingClientRect().width}px`; // what stands beside it stays where it is
  pressed[label(pressed)] = words;
}

export function end(form) {
  form.removeAttribute("aria-busy");
  if (heard) heard.textContent = "";
  for (const button of buttons(form)) {
    button.removeAttribute("aria-disabled");
    button.style.minWidth = "";
    if (before.has(button)) button[label(button)] = before.get(button);
    before.delete(button);
  }
}

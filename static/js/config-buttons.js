/* Copies a config, or saves it as a file. Both take the text that the page shows, and send nothing.
   While a private key is on the page that is nowhere else (data-unsaved), the browser asks before it leaves. */

for (const buttons of document.querySelectorAll("[data-needs-script]")) buttons.hidden = false;

document.addEventListener("click", async (event) => {
  if (event.target.closest("[data-saved]")) return nothingToLose();
  const button = event.target.closest("[data-copy], [data-download]");
  const config = button?.closest("[data-config]");
  if (!config) return;
  const text = config.querySelector("[data-config-text]").textContent;
  if (button.matches("[data-download]")) return save(text, config.dataset.name);
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text); // not there without https, and somebody may forbid it
    nothingToLose();
    button.textContent = button.dataset.done;
  } catch {
    button.textContent = button.dataset.failed;
  }
  setTimeout(() => { button.textContent = before; }, 4000);
});

addEventListener("beforeunload", (event) => {
  if (document.querySelector("[data-unsaved]")) event.preventDefault();
});

function save(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  nothingToLose();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function nothingToLose() {
  document.querySelector("[data-unsaved]")?.removeAttribute("data-unsaved");
}

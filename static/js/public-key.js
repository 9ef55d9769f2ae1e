/* Warns, before anything is sent, when what was pasted as a public key is shaped like a private one. */

function looksPrivate(text) {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) return false;
  const raw = atob(text);
  return (raw.charCodeAt(0) & 7) === 0 && (raw.charCodeAt(31) & 192) === 64; // RFC 7748, section 5
}

function check(event) {
  const form = event.target.form;
  const field = form?.querySelector("[data-public-key]");
  if (!field || event.target.name === "is_public") return;
  const note = form.querySelector("[data-private]");
  const warns = form.elements.namedItem("way").value === "pasted" && looksPrivate(field.value.trim());
  note.hidden = !warns;
  note.querySelector("input").required = warns; // the browser sends nothing until it is ticked
}

document.addEventListener("input", check);
document.addEventListener("change", check);

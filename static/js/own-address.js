/* A page that is the answer to a form moves to its own address (data-from): Back and reload lead there, and send nothing again. */

history.replaceState(null, "", document.querySelector("[data-from]").dataset.from);

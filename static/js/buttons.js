/* Space presses a link that is announced as a button, as it presses any button. Without JavaScript Enter does. */

document.addEventListener("keydown", (event) => {
  if (event.key !== " " || !event.target.matches("a[role=button]")) return;
  event.preventDefault(); // or the page would scroll as well
  event.target.click();
});

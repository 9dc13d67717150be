// The link to a place has its code in the fragment, which no server sees; the form submits it.
const code = decodeURIComponent(location.hash.slice(1));
const link = document.querySelector("#link");

if (code) {
  history.replaceState(null, "", location.pathname); // keep it out of sight and out of the history
  document.querySelector("#place").value = code;
  document.querySelector("[data-give]")?.remove();
  document.querySelector("[data-take] button").focus();
}
link?.addEventListener("focus", () => link.select());
addEventListener("hashchange", () => location.reload());

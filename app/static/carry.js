// The link of a place carries its code in the fragment, which no server sees; the form hands it over.
const code = decodeURIComponent(location.hash.slice(1));
const link = document.querySelector("#link");

if (code) {
  history.replaceState(null, "", location.pathname); // out of sight, and out of the history
  document.querySelector("#place").value = code;
  document.querySelector("[data-give]")?.remove();
  document.querySelector("[data-take] button").focus();
}
link?.addEventListener("focus", () => link.select());
addEventListener("hashchange", () => location.reload());

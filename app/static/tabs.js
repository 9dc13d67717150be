// Scrolls the tab of this page into view if the tabs do not all fit.
for (const tabs of document.querySelectorAll("[data-tabs]")) {
  const here = tabs.querySelector("[aria-current]");
  if (here) tabs.scrollLeft = here.offsetLeft - (tabs.clientWidth - here.offsetWidth) / 2;
}

// Tabs that do not all fit beside each other scroll sideways: the one of this page is brought into view.
for (const tabs of document.querySelectorAll("[data-tabs]")) {
  const here = tabs.querySelector("[aria-current]");
  if (here) tabs.scrollLeft = here.offsetLeft - (tabs.clientWidth - here.offsetWidth) / 2;
}

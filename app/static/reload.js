// For browsers that do not run the page's module, because they are too old or a file failed to load: the page keeps reloading, as without
// JavaScript. Hence written in the oldest JavaScript there is.
(function () {
  var seconds = Number(document.currentScript.getAttribute("data-refresh"));
  setTimeout(function () {
    if (!document.documentElement.hasAttribute("data-runs")) location.replace(location.pathname + location.search);
  }, 1000 * Math.max(seconds, 5));
})();

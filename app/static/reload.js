// For browsers in which the module of this page does not run, because they are too old or a file did not come: the page
// goes on by loading again, as it does without scripts. So this file is written in the oldest JavaScript there is.
(function () {
  var seconds = Number(document.currentScript.getAttribute("data-refresh"));
  setTimeout(function () {
    if (!document.documentElement.hasAttribute("data-runs")) location.replace(location.pathname + location.search);
  }, 1000 * Math.max(seconds, 5));
})();

// What forms share: one problem shown at a time, and a button that cannot be pressed twice.
export function hideProblems() {
  for (const element of document.querySelectorAll("[data-problem]")) element.hidden = true;
}

// `detail` is told where the words of the problem have a place for it.
export function showProblem(code, detail = "") {
  hideProblems();
  const shown = document.querySelector(`[data-problem="${code}"]`), place = shown.querySelector("[data-detail]");
  if (place) place.textContent = detail;
  shown.hidden = false;
  shown.scrollIntoView({ block: "nearest" });
}

export async function whileBusy(event, work) {
  event.preventDefault();
  const button = event.target.querySelector("[data-busy]"), text = button.textContent;
  if (button.disabled) return;
  button.disabled = true;
  button.textContent = button.dataset.busy;
  try {
    await work();
  } finally {
    button.disabled = false;
    button.textContent = text;
  }
}

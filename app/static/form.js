// Shared code of forms: showing one problem at a time, and a button that cannot be pressed twice.
export function hideProblems() {
  for (const element of document.querySelectorAll("[data-problem]")) element.hidden = true;
}

// `detail` is inserted where the problem's text has a placeholder.
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

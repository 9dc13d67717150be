// Shows the demo's steps one at a time; without JavaScript all are visible.
const guide = document.querySelector("[data-guide]"), steps = [...guide.querySelectorAll("[data-step]")];
const buttons = guide.querySelector("[data-guide-buttons]"), [back, next] = buttons.querySelectorAll("button");
let at = 0;

function show() {
  steps.forEach((it, n) => it.toggleAttribute("data-done", n < at));
  steps.forEach((it, n) => (n === at ? it.setAttribute("aria-current", "step") : it.removeAttribute("aria-current")));
  back.disabled = at === 0;
  next.disabled = at === steps.length - 1;
}

for (const button of [back, next]) {
  button.addEventListener("click", () => {
    at = Math.min(steps.length - 1, Math.max(0, at + Number(button.dataset.by)));
    show();
  });
}
buttons.hidden = false;
show();

// Reloads the health page's content every 10 seconds and shows changes, while the page is visible.
const EVERY_MS = 10000;
const parts = document.getElementById("parts");
document.getElementById("live").hidden = false;

async function again() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return location.reload();  // signed out, or an error page
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("parts");
    if (found) parts.replaceChildren(...found.childNodes);
  } catch {
    parts.dataset.away = "";  // the web process itself does not answer; retry later
    return;
  }
  delete parts.dataset.away;
}

setInterval(again, EVERY_MS);

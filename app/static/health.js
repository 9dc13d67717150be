// Asks for this page again every 10 seconds and shows what changed; nothing moves while nobody looks.
const EVERY_MS = 10000;
const parts = document.getElementById("parts");
document.getElementById("live").hidden = false;

async function again() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return location.reload();  // signed out, or the page of an error
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("parts");
    if (found) parts.replaceChildren(...found.childNodes);
  } catch {
    parts.dataset.away = "";  // the web process itself does not answer; the next try may
    return;
  }
  delete parts.dataset.away;
}

setInterval(again, EVERY_MS);

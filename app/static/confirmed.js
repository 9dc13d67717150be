// Somebody who was sent a code may open the link of the mail instead, with another device or in another tab: then this page
// goes on by itself. It asks when it is looked at again, and rarely meanwhile.
import { jittered, within } from "./calls.js";

const EVERY_MS = 20000, TRIES_MAX = 45;
const room = document.querySelector("[data-room]").dataset.room;
let tries = 0, asking = false;

async function ask() {
  if (asking || document.visibilityState !== "visible" || (tries += 1) > TRIES_MAX) return;
  asking = true;
  const answer = await fetch(`/v1/rooms/${room}/places/me/email`, { signal: within(8000) }).catch(() => null);
  const mailbox = answer?.ok ? await answer.json().catch(() => null) : null;
  asking = false;
  if (mailbox?.confirmed) location.reload();
}

document.addEventListener("visibilitychange", ask);
setInterval(ask, jittered(EVERY_MS));

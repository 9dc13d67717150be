// A visitor who was sent a code may instead open the link in the e-mail, on another device or in another tab. This page then continues by
// itself: it checks when it becomes visible again, and rarely in between.
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

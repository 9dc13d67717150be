// Joins with a solved captcha, in rooms that require one: if a join is refused with a widget, it is sent again with the widget's response,
// so the queue page itself needs no code for it. If the provider's script does not load, it asks for the slower lane.
import { within } from "./calls.js";

const before = window.fetch.bind(window);
const box = document.querySelector("[data-captcha]");
const NAMES = { turnstile: "turnstile", hcaptcha: "hcaptcha", recaptcha: "grecaptcha" };
const JOIN_MS = 15000; // excludes the time a person needs
const NARROW = 304; // width of a normal-size widget in pixels
let loading = null;

window.fetch = async (url, options) => {
  let answer = await before(url, options);
  while (answer.status === 403 && options?.method === "POST") {
    const { captcha } = await answer.clone().json().catch(() => ({}));
    if (!captcha) break;
    const captcha_response = await solved(captcha).catch(() => null);
    const more = captcha_response ? { captcha_response } : { slower_lane: true };
    const body = JSON.stringify({ ...JSON.parse(options.body), ...more });
    answer = await before(url, { ...options, body, signal: within(JOIN_MS) });
    if (!captcha_response) break;
  }
  return answer;
};

async function solved({ provider, site_key: sitekey }) {
  box.hidden = false;
  box.parentElement.querySelector("form").hidden = true; // the form offers the slower lane
  await (loading ??= loaded()); // all three providers support this
  const size = box.clientWidth < NARROW ? "compact" : "normal";
  const place = document.createElement("div");
  box.lastElementChild.replaceChildren(place);
  return new Promise((callback, failed) => {
    window[NAMES[provider]].render(place, { sitekey, size, callback, "error-callback": failed });
  });
}

function loaded() {
  return new Promise((done, failed) => {
    window.fairgateCaptcha = done;
    const script = document.createElement("script");
    script.src = `${box.dataset.captcha}?render=explicit&onload=fairgateCaptcha`;
    script.onerror = () => { loading = null; failed(); };
    document.head.append(script);
  });
}

// The gate as a Cloudflare Worker on the shop's route. Its settings are variables of the Worker (wrangler.toml):
// FAIRGATE_URL, FAIRGATE_ROOM; FAIRGATE_FAIL_OPEN = "1" lets newcomers pass with Fairgate away; the secret
// FAIRGATE_API_KEY lets a page of the shop end the session by `X-Fairgate-End: 1`.
import { END, Gate, answerOf, visitOf } from "./gate.js";

let made; // one a Worker's isolate: it remembers keys and passes

export default {
  async fetch(request, env) {
    made ??= gateOf(env);
    const verdict = await made.judge(visitOf(request, request.headers.get("cf-connecting-ip") ?? ""));
    if (!verdict.passes) return answerOf(verdict);
    const origin = await (env.SHOP ?? globalThis).fetch(request, { redirect: "manual" }); // SHOP: in tests
    const ends = origin.headers.has(END);
    if (!ends && !verdict.cookies.length) return origin;
    const response = new Response(origin.body, origin);
    response.headers.delete(END);
    for (const it of ends ? [await made.end(verdict)] : verdict.cookies) response.headers.append("set-cookie", it);
    return response;
  },
};

export const gateOf = (env) =>
  new Gate({
    url: env.FAIRGATE_URL,
    room: env.FAIRGATE_ROOM,
    failOpen: env.FAIRGATE_FAIL_OPEN === "1",
    recheckMs: Number(env.FAIRGATE_RECHECK_MS ?? 10_000),
    apiKey: env.FAIRGATE_API_KEY ?? "",
  });

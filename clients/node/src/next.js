// The gate as middleware of Next.js (middleware.js, or proxy.js from Next.js 16 on):
//   import { fairgate } from "@fairgate/gate/next";
//   export const middleware = fairgate({ url: "https://tickets.example", room: "shop" });
//   export const config = { matcher: "/((?!_next/).*)" };
// A page ends the session by the API (`POST /v1/rooms/ROOM/sessions/SID/end`): middleware does not see its headers.
import { Gate, answerOf, visitOf } from "./gate.js";

export function fairgate({ client = addressOf, ...options }) {
  const gate = new Gate(options);
  return async (request) => {
    const verdict = await gate.judge(visitOf(request, client(request)));
    if (!verdict.passes) return answerOf(verdict);
    const headers = new Headers({ "x-middleware-next": "1" }); // what NextResponse.next() is
    for (const it of verdict.cookies) headers.append("set-cookie", it);
    return new Response(null, { headers });
  };
}

// Behind one proxy (Vercel is one): the last address is what it saw.
const addressOf = (request) => (request.headers.get("x-forwarded-for") ?? "").split(",").at(-1).trim();

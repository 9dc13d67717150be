// The gate as middleware of Express, Connect, and of Node's own http server:
//   app.set("trust proxy", 1); app.use(fairgate({ url: "https://tickets.example", room: "shop" }));
import { webcrypto } from "node:crypto";
import { END, Gate } from "./gate.js";

globalThis.crypto ??= webcrypto; // Node.js 18

export function fairgate(options) {
  const gate = new Gate(options);
  return async (request, response, next) => {
    try {
      const verdict = await gate.judge(visit(request));
      if (!verdict.passes) return answer(request, response, verdict);
      add(response, verdict.cookies);
      endsBy(gate, verdict, response);
    } catch (error) {
      return next(error);
    }
    next();
  };
}

function visit(request) {
  const headers = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
  const scheme = request.protocol ?? (request.socket.encrypted ? "https" : "http"); // Express knows its proxies
  const client = request.ip ?? request.socket.remoteAddress ?? "";
  const host = request.headers.host ?? "localhost";
  return { method: request.method, url: `${scheme}://${host}${request.originalUrl ?? request.url}`, client, headers };
}

function answer(request, response, { status, headers, cookies, body }) {
  response.statusCode = status;
  for (const [name, value] of headers) response.setHeader(name, value);
  add(response, cookies);
  response.end(request.method === "HEAD" ? undefined : body);
}

function add(response, cookies) {
  if (!cookies.length) return;
  const before = response.getHeader("set-cookie") ?? [];
  response.setHeader("set-cookie", [before, cookies].flat());
}

// `X-Fairgate-End: 1` on a page of the site ends the session: it is over before the page is sent.
function endsBy(gate, verdict, response) {
  const end = response.end;
  response.end = function (...rest) {
    if (response.headersSent || !response.getHeader(END)) return end.apply(response, rest);
    response.removeHeader(END);
    gate.end(verdict).then((cookie) => {
      const ours = cookie.split("=")[0];
      const others = [response.getHeader("set-cookie") ?? []].flat().filter((it) => !it.startsWith(`${ours}=`));
      response.setHeader("set-cookie", [...others, cookie]);
      end.apply(response, rest);
    });
    return response;
  };
}

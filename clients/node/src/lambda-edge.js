// The gate as Lambda@Edge, for a viewer-request and a viewer-response of CloudFront: one function for both. Lambda@Edge has
// no environment, so the settings are written here, in a file of yours:
//   import { handlerOf } from "@fairgate/gate/lambda-edge";
//   export const handler = handlerOf({ url: "https://tickets.example", room: "shop" });
// The cache behaviour has to forward all cookies, query strings and the Host header to the function's distribution.
import { END, Gate } from "./gate.js";

const HANDED = "x-fairgate-cookie"; // from our viewer-request to our viewer-response
const READ_ONLY = new Set(["content-length", "transfer-encoding", "via", "connection"]);

export function handlerOf(options) {
  const gate = new Gate(options);
  return async (event) => {
    const { cf } = event.Records[0];
    return cf.config.eventType === "viewer-response" ? told(gate, cf) : asked(gate, cf);
  };
}

async function asked(gate, { request }) {
  delete request.headers[HANDED]; // whatever the visitor says
  const headers = Object.values(request.headers).flat().map(({ key, value }) => [key, value]);
  const host = request.headers.host[0].value;
  const scheme = request.headers["cloudfront-forwarded-proto"]?.[0].value ?? "https";
  const url = `${scheme}://${host}${request.uri}${request.querystring ? `?${request.querystring}` : ""}`;
  const verdict = await gate.judge({ method: request.method, url, client: request.clientIp, headers });
  if (!verdict.passes) return answer(verdict);
  if (verdict.cookies.length) request.headers[HANDED] = verdict.cookies.map((value) => ({ key: HANDED, value }));
  return request;
}

async function told(gate, { request, response }) {
  const cookies = (request.headers[HANDED] ?? []).map(({ value }) => value);
  if (response.headers[END]) {
    delete response.headers[END];
    const headers = Object.values(request.headers).flat().map(({ key, value }) => [key, value]);
    add(response, [await gate.end({ shown: await gate.shown(headers), cookies })]);
  } else {
    add(response, cookies);
  }
  return response;
}

function add(response, cookies) {
  if (!cookies.length) return;
  const before = response.headers["set-cookie"] ?? [];
  response.headers["set-cookie"] = [...before, ...cookies.map((value) => ({ key: "Set-Cookie", value }))];
}

function answer({ status, headers, cookies, body }) {
  const told = {};
  for (const [key, value] of headers) if (!READ_ONLY.has(key)) told[key] = [{ key, value }];
  const response = { status: String(status), headers: told, body };
  add(response, cookies);
  return response;
}

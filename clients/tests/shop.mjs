// A shop behind one of the gates for Node.js and the edge: `node shop.mjs KIND`, with its settings in the environment.
// Two of it, on the ports CLOSED and OPEN: what they do with Fairgate away.
import { createServer } from "node:http";
import express from "express";
import { fairgate as forExpress } from "../node/src/express.js";
import { handlerOf } from "../node/src/lambda-edge.js";
import { fairgate as forNext } from "../node/src/next.js";

const kind = process.argv[2];
const { FAIRGATE_URL: url, FAIRGATE_ROOM: room, FAIRGATE_API_KEY: apiKey, RECHECK_S } = process.env;
const recheckMs = Number(RECHECK_S) * 1000;

const page = ({ method, url }) => ({
  status: 200,
  headers: { "content-type": "text/plain", "set-cookie": "basket=1; Path=/", ...(url.startsWith("/thanks") && { "x-fairgate-end": "1" }) },
  body: `Shop ${method} ${url}`,
});
const send = (response, { status, headers, body }, method) => {
  response.writeHead(status, headers);
  response.end(method === "HEAD" ? undefined : body);
};
const requestOf = (it) => {
  const headers = new Headers();
  for (let i = 0; i < it.rawHeaders.length; i += 2) if (it.rawHeaders[i].toLowerCase() !== "connection") headers.append(it.rawHeaders[i], it.rawHeaders[i + 1]);
  headers.set("cf-connecting-ip", it.socket.remoteAddress);
  return { method: it.method, url: `http://${it.headers.host}${it.url}`, headers };
};
const sendResponse = async (response, found, method) => {
  response.statusCode = found.status;
  for (const [name, value] of found.headers) if (name !== "set-cookie") response.setHeader(name, value);
  const cookies = found.headers.getSetCookie();
  if (cookies.length) response.setHeader("set-cookie", cookies);
  response.end(method === "HEAD" ? undefined : Buffer.from(await found.arrayBuffer()));
};

const shops = {
  express: (options) => {
    const app = express();
    app.use(forExpress(options));
    app.use((request, response) => {
      const { status, headers, body } = page({ method: request.method, url: request.originalUrl });
      response.append("set-cookie", headers["set-cookie"]);
      if (headers["x-fairgate-end"]) response.set("x-fairgate-end", "1");
      response.status(status).type("text").send(body);
    });
    return createServer(app);
  },
  next: (options) => {
    const middleware = forNext({ ...options, client: () => "127.0.0.1" });
    return createServer(async (request, response) => {
      const found = await middleware(requestOf(request));
      if (!found.headers.has("x-middleware-next")) return sendResponse(response, found, request.method);
      const { status, headers, body } = page(request);
      const cookies = [headers["set-cookie"], ...found.headers.getSetCookie()];
      delete headers["x-fairgate-end"];
      send(response, { status, headers: { ...headers, "set-cookie": cookies }, body }, request.method);
    });
  },
  worker: (options) => {
    const env = {
      FAIRGATE_URL: url, FAIRGATE_ROOM: room, FAIRGATE_API_KEY: apiKey, FAIRGATE_FAIL_OPEN: options.failOpen ? "1" : "0",
      FAIRGATE_RECHECK_MS: String(recheckMs),
      SHOP: { fetch: (request) => {
        const { status, headers, body } = page({ method: request.method, url: request.url.slice(request.url.indexOf("/", 7)) });
        return new Response(body, { status, headers });
      } },
    };
    return createServer(async (request, response) => {
      const { default: worker } = await import(`../node/src/worker.js?${options.failOpen}`); // an isolate of its own
      await sendResponse(response, await worker.fetch(requestOf(request), env), request.method);
    });
  },
  "lambda-edge": (options) => {
    const handler = handlerOf(options);
    return createServer(async (request, response) => {
      const [uri, ...query] = request.url.split("?");
      const headers = { "cloudfront-forwarded-proto": [{ key: "CloudFront-Forwarded-Proto", value: "http" }] };
      for (let i = 0; i < request.rawHeaders.length; i += 2) {
        (headers[request.rawHeaders[i].toLowerCase()] ??= []).push({ key: request.rawHeaders[i], value: request.rawHeaders[i + 1] });
      }
      const asked = { method: request.method, uri, querystring: query.join("?"), clientIp: "127.0.0.1", headers };
      const event = (cf, eventType) => ({ Records: [{ cf: { ...cf, config: { eventType } } }] });
      const found = await handler(event({ request: asked }, "viewer-request"));
      if (found.status) return send(response, flat(found), request.method);
      const shop = page(request);
      const told = Object.fromEntries(Object.entries(shop.headers).map(([key, value]) => [key, [{ key, value }]]));
      const answer = await handler(event({ request: found, response: { status: "200", headers: told } }, "viewer-response"));
      send(response, flat({ ...answer, body: shop.body }), request.method);
    });
  },
};
const flat = ({ status, headers, body }) => ({
  status: Number(status),
  headers: Object.fromEntries(Object.entries(headers).map(([key, values]) => [key, values.map((it) => it.value)])),
  body,
});

for (const [port, failOpen] of [[process.env.CLOSED, false], [process.env.OPEN, true]]) {
  const server = shops[kind]({ url, room, apiKey, recheckMs, failOpen, timeoutMs: 10_000 });
  await new Promise((done) => server.listen(Number(port), "127.0.0.1", done));
}
console.log("ready");

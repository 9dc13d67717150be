// A shop with the published KnownUser connector in front of it, as its own documentation has it done: Express, and a
// configuration that is read from the queue or put here. `node knownuser-shop.mjs PORT QUEUE CUSTOMER SECRET API_KEY`
import { createHmac } from "node:crypto";
import express from "express";
import connector from "@queue-it/connector-javascript";
import { Payload, Token } from "@queue-it/queue-token";

const [port, queue, customer, secret, apiKey] = process.argv.slice(2);
const { KnownUser, QueueEventConfig, DefaultEnqueueTokenProvider } = connector;
const read = await fetch(`${queue}/status/integrationconfig/secure/${customer}`, { headers: { "api-key": apiKey } });
let config = await read.text();

const hmac = (key, text) => createHmac("sha256", key).update(text).digest("hex");
const cookieOf = (request, name) =>
  (request.headers.cookie ?? "").split("; ").map((it) => it.split("=")).filter((it) => it[0] === name)
    .map((it) => decodeURIComponent(it[1]))[0];

class KeyOfTheMember extends DefaultEnqueueTokenProvider {
  getEnqueueTokenKey() { return "member-42"; }
}

const context = (request, response) => ({
  getHttpRequest: () => ({
    getUserAgent: () => request.headers["user-agent"] ?? "",
    getHeader: (name) => request.headers[name.toLowerCase()] ?? "",
    getAbsoluteUri: () => `http://${request.headers.host}${request.originalUrl}`,
    getUserHostAddress: () => request.headers["x-client"] ?? "127.0.0.1",
    getCookieValue: (name) => cookieOf(request, name),
    getRequestBodyAsString: () => "",
  }),
  getHttpResponse: () => ({
    setCookie: (name, value, domain, expiration, httpOnly) =>
      response.cookie(name, value, { expires: new Date(expiration * 1000), httpOnly }),
  }),
  getCryptoProvider: () => ({ getSha256Hash: hmac }),
  getEnqueueTokenProvider: () =>
    request.path === "/members" ? new KeyOfTheMember(customer, secret, 60000, "127.0.0.1", true, Token, Payload, "") : null,
  getVerifyActionService: () => ({ verify: async () => false }),
});

const shop = express();
shop.put("/config", express.json(), (request, response) => {
  if (hmac(secret, request.body.integrationInfo) !== request.body.hash) return response.status(403).end();
  config = Buffer.from(request.body.integrationInfo, "hex").toString();
  response.status(204).end();
});
shop.get("/config", (request, response) => response.type("json").send(config));
shop.use(async (request, response) => {
  const url = `http://${request.headers.host}${request.originalUrl}`;
  const plain = url.replace(new RegExp(`([?&])(${KnownUser.QueueITTokenKey}=[^&]*)`, "i"), "");
  const token = request.query[KnownUser.QueueITTokenKey] ?? "";
  KnownUser.UserInQueueService = null;
  const limited = request.path === "/limited" && new QueueEventConfig(
    JSON.parse(config).Integrations[0].EventId, [], "", "", new URL(queue).host, "", true, 20, "", true, false, 1, "buy", true, 1);
  const result = limited
    ? await KnownUser.resolveQueueRequestByLocalConfig(plain, token, limited, customer, secret, context(request, response), apiKey)
    : await KnownUser.validateRequestByIntegrationConfig(plain, token, config, customer, secret, context(request, response), apiKey);
  if (result.doRedirect()) return response.redirect(302, result.redirectUrl);
  if (url !== plain && result.actionType) return response.redirect(302, plain);
  response.send(`Shop ${request.method} ${request.originalUrl}`);
});
shop.listen(Number(port), "127.0.0.1", () => console.log("ready"));

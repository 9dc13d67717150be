// A shop with the published CrowdHandler SDK in front of it, as its own documentation has it done: Express, full mode.
// `node crowdhandler-shop.mjs PORT API WAIT`
import express from "express";
import { init } from "crowdhandler-sdk";

const [port, apiUrl, wait] = process.argv.slice(2);
const shop = express();
shop.use(async (request, response) => {
  const { gatekeeper } = init({
    publicKey: "any-key",
    request,
    response,
    options: { apiUrl, mode: "full", trustOnFail: false, timeout: 20_000 },
  });
  gatekeeper.overrideWaitingRoomUrl(wait);
  const result = await gatekeeper.validateRequest();
  if (result.setCookie) gatekeeper.setCookie(result.cookieValue, result.domain);
  if (result.stripParams) return gatekeeper.redirectToCleanUrl(result.targetURL);
  if (!result.promoted) return gatekeeper.redirectIfNotPromoted();
  response.send(`Shop ${request.method} ${request.originalUrl}`);
});
shop.listen(Number(port), "127.0.0.1", () => console.log("ready"));

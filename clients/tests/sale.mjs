// The way of a visitor, by the TypeScript client: `node sale.mjs CLIENT URL EVENT`. Says what it did, a line each.
const [client, url, event] = process.argv.slice(2);
const { Fairgate, Over, Refused } = await import(client);
const fairgate = new Fairgate(url, { patienceMs: 20_000 });
const say = (...it) => console.log(it.join(" "));

const place = await fairgate.join(event);
say("joined", place.queue_number);
const leaver = await fairgate.join(event);
say("leaves", leaver.visitor_id);
await new Promise((done) => process.stdin.once("data", done));
try {
  await fairgate.wait(leaver);
} catch (error) {
  say("over", error instanceof Over && error.state);
}
const called = await fairgate.wait(place);
say("state", called.state);
const { booking_token: token } = await fairgate.claim(called);
const items = [{ ticket_type_id: "floor", quantity: 2 }];
const held = await fairgate.reserve(event, token, { items }, { key: "once" });
const again = await fairgate.reserve(event, token, { items }, { key: "once" });
say("held", held.status, held.reservation_id === again.reservation_id);
try {
  await fairgate.pay(held.reservation_id, token, { method: "card", token: "tok_declined" });
} catch (error) {
  say("refused", error instanceof Refused && error.code);
}
const paid = await fairgate.pay(held.reservation_id, token, { method: "card", token: "tok_ok" });
say("paid", paid.status, paid.tickets.length);
process.exit(0); // the pipe from the test is still open

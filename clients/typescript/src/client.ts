// The way of a visitor through a sale. Any other call is `request`, with the documents of `types`.
import type {
  BookingTokenDocument, PaymentBody, PlaceDocument, Problem, ReservationDocument, ReserveBody, StatusDocument,
} from "./types.js";

export type * from "./types.js";

const READY = ["called", "active"];
const WAITING = ["prequeue", "waiting"];
const AGAIN = [429, 503];
const PAUSE_MAX_MS = 30_000;
const STREAM_QUIET_MS = 30_000; // a stream says something every fifteen seconds; a silent one is dead
const STREAM_AGAIN_MS = 2_000;

/** The API said no; `code` says why, `problem` is all it said. */
export class Refused extends Error {
  readonly code: string;
  constructor(readonly status: number, readonly problem: Partial<Problem>) {
    super(problem.detail ?? problem.title ?? String(status));
    this.name = "Refused";
    this.code = problem.code ?? "";
  }
}

/** The place is none any more; `state` says how it ended. */
export class Over extends Error {
  constructor(readonly state: string) {
    super(`The place has ended: ${state}.`);
    this.name = "Over";
  }
}

export interface Call {
  token?: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** Whether it may be sent again where it is not known to have come. */
  repeat?: boolean;
}

/** One visitor's, or one shop's, way to a Fairgate.
 *
 * What the server asks to be sent again (429, 503), and what got no answer, is sent again for `patienceMs`, where that changes
 * nothing twice: everything here but a join whose answer was lost. */
export class Fairgate {
  readonly #url: string;
  readonly #patienceMs: number;
  readonly #timeoutMs: number;

  constructor(url: string, { patienceMs = 60_000, timeoutMs = 10_000 } = {}) {
    this.#url = url.replace(/\/+$/, "");
    this.#patienceMs = patienceMs;
    this.#timeoutMs = timeoutMs;
  }

  /** A place in the queue; with the token of one before, that very place. */
  join(roomId: string, { quantity = 1, placeToken = "" } = {}): Promise<PlaceDocument> {
    const body = quantity > 1 ? { quantity } : {};
    const call = { token: placeToken, body, repeat: placeToken !== "" };
    return this.request("POST", `/v1/rooms/${roomId}/places`, call);
  }

  /** The place as it is now. Its token may be a new one: keep the newest. */
  place(place: PlaceDocument): Promise<PlaceDocument> {
    return this.request("GET", `/v1/rooms/${place.room_id}/places/me`, { token: place.place_token });
  }

  /** Until it is their turn: the place to claim with. Throws Over when the place ends before.
   *
   * The shared status document is followed, and the place itself is asked for when the queue has come to it, or as often as
   * the server says. */
  async wait(place: PlaceDocument): Promise<PlaceDocument> {
    const ended = new AbortController();
    let tell = () => {};
    const hear = (status: StatusDocument) => {
      if (status.state !== "open" || place.queue_number === null || servingOf(status, place) >= place.queue_number) tell();
    };
    void this.#follow(place.room_id, hear, ended.signal);
    try {
      for (;;) {
        place = await this.place(place);
        if (!WAITING.includes(place.state)) break;
        const news = new Promise<void>((done) => { tell = done; });
        await Promise.race([news, sleep(Math.max(1, place.poll_after_s) * 1000 * jitter(), ended.signal)]);
      }
    } finally {
      ended.abort();
    }
    if (!READY.includes(place.state)) throw new Over(place.state);
    return place;
  }

  /** The booking token of a turn; asking again gives the same one. Waits for the turn if it has not come. */
  async claim(place: PlaceDocument): Promise<BookingTokenDocument> {
    for (;;) {
      const path = `/v1/rooms/${place.room_id}/places/me/booking-token`;
      const found = await this.request<BookingTokenDocument | PlaceDocument>("POST", path, { token: place.place_token });
      if ("booking_token" in found) return found;
      place = await this.wait({ ...found, place_token: place.place_token });
    }
  }

  /** Hold tickets. With the same `key` it is the same reservation, however often it is asked for. */
  async reserve(
    eventId: string, bookingToken: string, what: ReserveBody, { key = newKey(), expectedAmount }: { key?: string; expectedAmount?: number } = {},
  ): Promise<ReservationDocument> {
    const headers: Record<string, string> = { "Idempotency-Key": key };
    if (expectedAmount !== undefined) headers["X-Expected-Amount"] = String(expectedAmount);
    const call = { token: bookingToken, body: what, headers };
    return this.#decided(await this.request("POST", `/v1/events/${eventId}/reservations`, call), bookingToken);
  }

  /** Pay a hold; without a payment where the tickets are free. With the same `key` it is paid once. */
  async pay(reservationId: string, bookingToken: string, payment?: PaymentBody, { key = newKey() } = {}): Promise<ReservationDocument> {
    const call = { token: bookingToken, body: payment ? { payment } : {}, headers: { "Idempotency-Key": key } };
    return this.#decided(await this.request("POST", `/v1/reservations/${reservationId}/confirm`, call), bookingToken);
  }

  /** The shared status document, at each change, until the stream breaks off. */
  async *status(roomId: string, signal?: AbortSignal): AsyncGenerator<StatusDocument> {
    const quiet = new AbortController();
    const stop = () => quiet.abort();
    signal?.addEventListener("abort", stop);
    let timer = setTimeout(stop, STREAM_QUIET_MS);
    try {
      const answer = await fetch(`${this.#url}/v1/rooms/${roomId}/events`, { signal: quiet.signal });
      if (!answer.ok || !answer.body) throw new Refused(answer.status, {});
      const decoder = new TextDecoder();
      const reader = answer.body.getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(stop, STREAM_QUIET_MS);
        const events = (text + decoder.decode(value, { stream: true })).split("\n\n");
        text = events.pop() ?? "";
        for (const event of events) {
          const data = event.split("\n").filter((it) => it.startsWith("data:")).map((it) => it.slice(5).trim());
          if (data.length) yield JSON.parse(data.join("\n")) as StatusDocument;
        }
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      quiet.abort();
    }
  }

  /** Any call. Throws Refused, and what `fetch` throws when there was no answer for `patienceMs`. */
  async request<T>(method: string, path: string, { token = "", body, headers = {}, repeat = true }: Call = {}): Promise<T> {
    const sent: Record<string, string> = { ...headers };
    if (token) sent.authorization = `Bearer ${token}`;
    if (body !== undefined) sent["content-type"] = "application/json";
    const until = Date.now() + this.#patienceMs;
    for (let pauseMs = 500; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS)) {
      let answer: Response | undefined;
      try {
        const signal = AbortSignal.timeout(this.#timeoutMs);
        const text = body === undefined ? null : JSON.stringify(body);
        answer = await fetch(this.#url + path, { method, headers: sent, body: text, signal, credentials: "omit" });
        const document: unknown = answer.status === 204 ? {} : await answer.json();
        if (answer.ok) return document as T;
        const retryMs = Number(answer.headers.get("retry-after") ?? 0) * 1000;
        pauseMs = Math.min(PAUSE_MAX_MS, Math.max(pauseMs, Number.isFinite(retryMs) ? retryMs : 0));
        if (!AGAIN.includes(answer.status) || Date.now() + pauseMs > until) {
          throw new Refused(answer.status, document as Partial<Problem>);
        }
      } catch (error) {
        if (error instanceof Refused || !repeat || Date.now() + pauseMs > until) throw error;
      }
      await sleep(jitter() * pauseMs);
    }
  }

  async #follow(roomId: string, hear: (status: StatusDocument) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const status of this.status(roomId, signal)) hear(status);
      } catch {
        // Asking goes on where there are no streams.
      }
      await sleep((1 + Math.random()) * STREAM_AGAIN_MS, signal);
    }
  }

  /** The reservation, once it is held, or its payment has come to an end. */
  async #decided(found: { reservation_id: string; status?: string }, token: string): Promise<ReservationDocument> {
    const until = Date.now() + this.#patienceMs;
    const path = `/v1/reservations/${found.reservation_id}`;
    while (found.status === undefined || found.status === "paying") {
      if (Date.now() > until) throw new Error(`${path} is still undecided`);
      await sleep(1000 * jitter());
      found = await this.request("GET", path, { token });
    }
    return found as ReservationDocument;
  }
}

const jitter = () => 0.75 + Math.random() / 2;

// Of one visitor's: it need not be unguessable, and WebCrypto is not everywhere.
const newKey = () => Array.from({ length: 24 }, () => Math.floor(Math.random() * 36).toString(36)).join("");

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(end, ms);
    function end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      done();
    }
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end);
  });
}

// How far the queue is; in a room with lanes, how far that of the place's lane.
function servingOf(status: StatusDocument, place: PlaceDocument): number {
  return status.lanes?.[place.lane ?? 0]?.serving_position ?? status.serving_position;
}

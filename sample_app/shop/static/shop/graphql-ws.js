/**
 * GraphQL subscriptions over one websocket, in the graphql-transport-ws protocol.
 *
 * The connection is kept: it notices silence, reconnects with growing pauses, and subscribes again to all that has not ended. A
 * subscription's variables are asked for each time, so that it can go on where it stood.
 */

const PROTOCOL = "graphql-transport-ws";
const PING_EVERY = 10_000;
const ANSWER_WITHIN = 5_000;
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 10_000;

/** Close codes after which another attempt would end alike. */
const FINAL_CODES = new Set([4400, 4401, 4403, 4406]);

/** Fires "state" when `state` changes: "connecting", "open", "waiting" (to reconnect) or "refused". */
export class GraphQLSocket extends EventTarget {
  #url;
  #socket = null;
  #subscriptions = new Map();
  #lastId = 0;
  #failures = 0;
  #retryTimer = 0;
  #answerTimer = 0;
  #pingTimer = 0;

  /** @param {string | URL} url Where the server listens, ws: or wss:. */
  constructor(url) {
    super();
    this.#url = url;
    this.state = "connecting";
    addEventListener("online", () => this.#retryNow());
    addEventListener("offline", () => this.#lose());
    document.addEventListener("visibilitychange", () => document.hidden || this.#retryNow());
  }

  /** Connect; it happens by itself afterwards. */
  open() {
    clearTimeout(this.#retryTimer);
    const socket = new WebSocket(this.#url, PROTOCOL);
    this.#socket = socket;
    this.#setState("connecting");
    this.#expectAnswer();
    socket.onopen = () => this.#send({ type: "connection_init" });
    socket.onmessage = (event) => socket === this.#socket && this.#receive(JSON.parse(event.data));
    socket.onclose = (event) => socket === this.#socket && this.#closed(event.code);
  }

  /**
   * Subscribe, now or as soon as there is a connection.
   *
   * @param {string} query The subscription.
   * @param {() => object} variables Asked for each time it starts.
   * @param {{next: (data: object) => void, error?: (errors: object[]) => void, complete?: () => void}} sink
   *   After `error` or `complete` nothing more comes.
   * @returns {() => void} Ends it.
   */
  subscribe(query, variables, sink) {
    const id = String(++this.#lastId);
    this.#subscriptions.set(id, { query, variables, sink });
    if (this.state === "open") this.#start(id);
    return () => {
      if (this.#subscriptions.delete(id) && this.state === "open") this.#send({ type: "complete", id });
    };
  }

  #start(id) {
    const { query, variables } = this.#subscriptions.get(id);
    this.#send({ type: "subscribe", id, payload: { query, variables: variables() } });
  }

  #receive(message) {
    this.#heard();
    if (message.type === "connection_ack") {
      this.#failures = 0;
      this.#setState("open");
      for (const id of this.#subscriptions.keys()) this.#start(id);
      return;
    }
    if (message.type === "ping") this.#send({ type: "pong" });
    const subscription = this.#subscriptions.get(message.id);
    if (subscription === undefined) return; // It was ended while this was on its way.
    const { sink } = subscription;
    if (message.type === "next" && message.payload.data) {
      sink.next(message.payload.data);
    } else if (message.type === "next") {
      this.#subscriptions.delete(message.id);
      this.#send({ type: "complete", id: message.id });
      sink.error?.(message.payload.errors);
    } else if (message.type === "error") {
      this.#subscriptions.delete(message.id);
      sink.error?.(message.payload);
    } else if (message.type === "complete") {
      this.#subscriptions.delete(message.id);
      sink.complete?.();
    }
  }

  /** Whatever comes shows that the server is there. */
  #heard() {
    clearTimeout(this.#answerTimer);
    clearTimeout(this.#pingTimer);
    this.#pingTimer = setTimeout(() => {
      this.#send({ type: "ping" });
      this.#expectAnswer();
    }, PING_EVERY);
  }

  #expectAnswer() {
    clearTimeout(this.#answerTimer);
    this.#answerTimer = setTimeout(() => this.#lose(), ANSWER_WITHIN);
  }

  /** Give the connection up without waiting until the network does. */
  #lose() {
    const socket = this.#socket;
    if (socket === null) return;
    socket.close();
    this.#closed(1006);
  }

  #closed(code) {
    this.#socket = null;
    clearTimeout(this.#answerTimer);
    clearTimeout(this.#pingTimer);
    if (FINAL_CODES.has(code)) {
      this.#setState("refused");
      return;
    }
    // Many clients lose a server at the same moment; chance keeps them from coming back at the same moment.
    const pause = Math.min(FIRST_PAUSE * 2 ** this.#failures++, LONGEST_PAUSE) * (0.5 + Math.random());
    this.#setState("waiting");
    this.#retryTimer = setTimeout(() => this.open(), pause);
  }

  #retryNow() {
    if (this.state === "waiting") this.open();
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #setState(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

// The client of the live socket: views, acknowledgements, reconnection, and polling where sockets are blocked. It knows
// no elements; weir-live gives it the browser's sockets and clocks, tests give it their own.

import { apply, type Frame, type Picture } from "./frames";

/** The part of a WebSocket that is used. */
export type Socket = {
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(text: string): void;
  close(): void;
};

/** What the client needs of its surroundings. */
export type Surroundings = {
  /** Opens a socket; may throw where sockets are blocked. */
  readonly open: () => Socket;
  /** Waits for a full frame of a view whose seq differs; undefined when there was none in time. */
  readonly poll: (view: string, seq: number | undefined, signal: AbortSignal) => Promise<Frame | undefined>;
  readonly later: (run: () => void, milliseconds: number) => () => void;
  /** Calls back once what was shown has been drawn. */
  readonly drawn: (run: () => void) => void;
  /** A number from 0 to 1. */
  readonly random: () => number;
  readonly show: (picture: Picture) => void;
  /** A view that the server does not have. */
  readonly refused: (view: string, message: string) => void;
};

const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;

/** Sockets in a row that brought no frame before the client polls instead. It keeps trying sockets beside that. */
const FAILURES_BEFORE_POLLING = 2;

/** The same once a socket has worked here: then it is rather the server that is away. */
const FAILURES_BEFORE_POLLING_AGAIN = 4;

/** How long a socket may take to open, in milliseconds: some networks swallow the request without a word. */
const OPEN_WITHIN = 10_000;

/** How long a socket that is being watched may be silent, in milliseconds: a frame comes every second. */
const SILENT = 8_000;

/** How long to wait before attempt n (from 0), in milliseconds: doubling, and spread so that clients do not return at once. */
export const backoff = (attempt: number, random: number): number =>
  Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(attempt, 10)) * (0.5 + random / 2);

/** How long a server that restarts asks this client to wait, in milliseconds; undefined when it does not say. */
export const askedToWait = (event: { code?: number; reason?: string }): number | undefined => {
  const said = event.code === 1012 ? /retry=(\d{1,5})$/.exec(event.reason ?? "") : null;
  return said ? Number(said[1]) : undefined;
};

/** The server does not have a view that was polled for; the message is its own. */
export class Refused extends Error {}

/** Keeps pictures of views up to date over one socket. */
export class LiveClient {
  readonly #around: Surroundings;
  readonly #pictures = new Map<string, Picture | undefined>();
  #socket: Socket | undefined;
  #isOpen = false;
  #attempts = 0;
  #failures = 0;
  #everWorked = false;
  #paused = false;
  #stopped = true;
  #cancelRetry: () => void = () => {};
  #cancelWatch: () => void = () => {};
  readonly #polls = new Map<string, AbortController>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Begins; views may come before or after. */
  start(): void {
    if (this.#stopped) {
      this.#stopped = false;
      this.#connect();
    }
  }

  /** Ends everything. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry();
    this.#endPolls();
    const socket = this.#socket;
    this.#lose();
    socket?.close();
  }

  /** Keeps a view up to date; its last picture is shown again when it is known already. */
  add(view: string): void {
    const known = this.#pictures.get(view);
    if (known) {
      this.#around.show(known);
    }
    if (!this.#pictures.has(view)) {
      this.#pictures.set(view, undefined);
      this.#say({ op: "sub", v: view });
      this.#expect();
      this.#pollIfBlocked();
    }
  }

  /** Lets go of a view. */
  remove(view: string): void {
    if (this.#pictures.delete(view)) {
      this.#say({ op: "unsub", v: view });
      this.#polls.get(view)?.abort();
      this.#polls.delete(view);
    }
  }

  /** Stops frames while nobody looks. */
  pause(on: boolean): void {
    if (on === this.#paused) {
      return;
    }
    this.#paused = on;
    this.#say({ op: on ? "pause" : "resume" });
    this.#expect();
    if (on) {
      this.#endPolls();
    } else if (!this.#stopped && !this.#socket) {
      // Somebody looks again: that is worth an attempt now.
      this.#attempts = 0;
      this.#cancelRetry();
      this.#connect();
    }
    this.#pollIfBlocked();
  }

  /** Tries again at once, because the network is said to be back. */
  retry(): void {
    if (!this.#stopped && !this.#socket) {
      this.#cancelRetry();
      this.#connect();
    }
  }

  #say(message: Record<string, unknown>): void {
    if (this.#isOpen) {
      this.#socket?.send(JSON.stringify(message));
    }
  }

  /** Gives up a socket that does not open in time, or is silent though somebody looks: it is dead and does not know. */
  #expect(): void {
    this.#cancelWatch();
    const socket = this.#socket;
    const idle = this.#isOpen && (this.#paused || this.#pictures.size === 0);
    if (!socket || idle) {
      return;
    }
    const give = (): void => {
      if (socket === this.#socket) {
        this.#lose();
        socket.close();
        this.#failed();
      }
    };
    this.#cancelWatch = this.#around.later(give, this.#isOpen ? SILENT : OPEN_WITHIN);
  }

  #connect(): void {
    let socket: Socket;
    try {
      socket = this.#around.open();
    } catch {
      this.#failed();
      return;
    }
    this.#socket = socket;
    this.#expect();
    socket.onopen = () => {
      if (socket !== this.#socket) {
        socket.close(); // given up meanwhile
        return;
      }
      this.#isOpen = true;
      for (const view of this.#pictures.keys()) {
        this.#pictures.set(view, undefined);
        this.#say({ op: "sub", v: view });
      }
      if (this.#paused) {
        this.#say({ op: "pause" });
      }
      this.#expect();
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) {
        this.#expect();
        this.#hear(JSON.parse(String(event.data)) as Frame);
      }
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) {
        this.#lose();
        this.#failed(askedToWait(event));
      }
    };
  }

  #lose(): void {
    this.#cancelWatch();
    this.#socket = undefined;
    this.#isOpen = false;
  }

  #failed(asked?: number): void {
    if (this.#stopped) {
      return;
    }
    this.#failures++;
    this.#pollIfBlocked();
    const wait = asked ?? backoff(this.#attempts++, this.#around.random());
    this.#cancelRetry = this.#around.later(() => this.#connect(), wait);
  }

  #hear(frame: Frame): void {
    if (frame.error !== undefined) {
      this.#around.refused(frame.v, frame.error);
      return;
    }
    if (!this.#pictures.has(frame.v)) {
      return;
    }
    let next: Picture;
    try {
      next = apply(this.#pictures.get(frame.v), frame);
    } catch {
      this.#say({ op: "resync", v: frame.v });
      this.#say({ op: "ack", v: frame.v, seq: frame.seq });
      return;
    }
    this.#attempts = 0;
    this.#failures = 0;
    this.#everWorked = true;
    this.#endPolls();
    this.#pictures.set(frame.v, next);
    this.#around.show(next);
    const socket = this.#socket;
    this.#around.drawn(() => {
      if (socket === this.#socket) {
        this.#say({ op: "ack", v: next.view, seq: next.seq });
      }
    });
  }

  #pollIfBlocked(): void {
    const patience = this.#everWorked ? FAILURES_BEFORE_POLLING_AGAIN : FAILURES_BEFORE_POLLING;
    const blocked = this.#failures >= patience;
    if (!blocked || this.#isOpen || this.#paused || this.#stopped) {
      return;
    }
    for (const view of this.#pictures.keys()) {
      if (!this.#polls.has(view)) {
        const controller = new AbortController();
        this.#polls.set(view, controller);
        void this.#poll(view, controller.signal);
      }
    }
  }

  #endPolls(): void {
    for (const controller of this.#polls.values()) {
      controller.abort();
    }
    this.#polls.clear();
  }

  async #poll(view: string, signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const frame = await this.#around.poll(view, this.#pictures.get(view)?.seq, signal);
        failures = 0;
        if (frame && !signal.aborted) {
          const next = apply(undefined, frame);
          this.#pictures.set(view, next);
          this.#around.show(next);
        }
      } catch (error) {
        if (error instanceof Refused && !signal.aborted) {
          this.#around.refused(view, error.message);
          return;
        }
        const wait = backoff(failures++, this.#around.random());
        await new Promise<void>((done) => {
          this.#around.later(done, wait);
        });
      }
    }
  }
}

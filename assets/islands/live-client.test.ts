import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Frame, Picture } from "./frames";
import { freshness } from "./freshness";
import { backoff, LiveClient, type Socket } from "./live-client";

class FakeSocket implements Socket {
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  readonly sent: Record<string, unknown>[] = [];
  closed = false;
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.closed = true;
  }
  accept() {
    this.onopen?.(new Event("open"));
  }
  lose() {
    this.onclose?.(new Event("close") as CloseEvent);
  }
  frame(frame: Partial<Frame>) {
    this.onmessage?.({ data: JSON.stringify({ epoch: 1, w: 30, fresh: true, ...frame }) } as MessageEvent);
  }
}

function setUp(poll: (view: string, seq: number | undefined) => Promise<Frame | undefined> = async () => undefined) {
  const sockets: FakeSocket[] = [];
  const shown: Picture[] = [];
  const drawn: (() => void)[] = [];
  const timers: { run: () => void; wait: number }[] = [];
  const client = new LiveClient({
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    poll,
    later: (run, wait) => {
      const timer = { run, wait };
      timers.push(timer);
      return () => timers.splice(timers.indexOf(timer), 1);
    },
    drawn: (run) => drawn.push(run),
    random: () => 1,
    show: (picture) => shown.push(picture),
    refused: () => {},
  });
  const socket = () => sockets.at(-1) as FakeSocket;
  const elapse = () => timers.splice(0).map(({ run, wait }) => [run(), wait][1]);
  return { client, sockets, socket, shown, drawn, elapse };
}

describe("the live client", () => {
  it("subscribes once the socket is open, and acknowledges what has been drawn", () => {
    const { client, socket, shown, drawn } = setUp();
    client.add("graph:shop");
    client.start();
    expect(socket().sent).toEqual([]);
    socket().accept();
    expect(socket().sent).toEqual([{ op: "sub", v: "graph:shop" }]);
    socket().frame({ v: "graph:shop", seq: 7 });
    expect(shown.map((picture) => picture.seq)).toEqual([7]);
    expect(socket().sent).toHaveLength(1);
    drawn.forEach((run) => {
      run();
    });
    expect(socket().sent.at(-1)).toEqual({ op: "ack", v: "graph:shop", seq: 7 });
  });

  it("asks for everything again after a gap, and shows nothing of it", () => {
    const { client, socket, shown } = setUp();
    client.add("graph:shop");
    client.start();
    socket().accept();
    socket().frame({ v: "graph:shop", seq: 7 });
    socket().frame({ v: "graph:shop", seq: 9, base: 8 });
    expect(socket().sent).toContainEqual({ op: "resync", v: "graph:shop" });
    socket().frame({ v: "graph:shop", seq: 10 });
    expect(shown.map((picture) => picture.seq)).toEqual([7, 10]);
  });

  it("comes back after a lost socket, later every time, and soon again once it has worked", () => {
    const { client, sockets, socket, elapse } = setUp();
    client.add("graph:shop");
    client.start();
    socket().accept();
    const waits = [0, 0, 0, 0].map(() => {
      socket().lose();
      return elapse()[0];
    });
    expect(waits).toEqual([500, 1000, 2000, 4000]);
    socket().accept();
    expect(socket().sent).toEqual([{ op: "sub", v: "graph:shop" }]);
    socket().frame({ v: "graph:shop", seq: 1 });
    socket().lose();
    expect(elapse()).toEqual([500]);
    expect(sockets).toHaveLength(6);
  });

  it("ignores what an old socket still says", () => {
    const { client, sockets, socket, shown, elapse } = setUp();
    client.add("graph:shop");
    client.start();
    socket().accept();
    socket().lose();
    elapse();
    sockets[0]?.frame({ v: "graph:shop", seq: 7 });
    expect(shown).toEqual([]);
  });

  it("pauses while nobody looks, also on a socket that opens meanwhile", () => {
    const { client, socket } = setUp();
    client.add("graph:shop");
    client.pause(true);
    client.start();
    socket().accept();
    expect(socket().sent.at(-1)).toEqual({ op: "pause" });
    client.pause(false);
    expect(socket().sent.at(-1)).toEqual({ op: "resume" });
  });

  it("polls when sockets never open, and stops when one does", async () => {
    const asked: (number | undefined)[] = [];
    let release = () => {};
    const { client, socket, shown, elapse } = setUp((view, seq) => {
      asked.push(seq);
      return new Promise((answer) => {
        release = () => answer({ v: view, epoch: 1, seq: asked.length, w: 30 });
      });
    });
    client.add("graph:shop");
    client.start();
    socket().lose();
    elapse();
    socket().lose();
    expect(asked).toEqual([undefined]);
    release();
    await expect.poll(() => asked).toEqual([undefined, 1]);
    expect(shown.map((picture) => picture.seq)).toEqual([1]);
    elapse();
    socket().accept();
    release();
    await Promise.resolve();
    await Promise.resolve();
    expect(shown).toHaveLength(1);
    expect(asked).toHaveLength(2);
  });

  it("stops for good", () => {
    const { client, sockets, socket, elapse } = setUp();
    client.start();
    socket().accept();
    client.stop();
    expect(socket().closed).toBe(true);
    socket().lose();
    elapse();
    expect(sockets).toHaveLength(1);
  });
});

describe("backoff", () => {
  it("stays between a quarter of a second and half a minute", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
        const wait = backoff(attempt, random);
        expect(wait).toBeGreaterThanOrEqual(250);
        expect(wait).toBeLessThanOrEqual(30_000);
      }),
    );
  });
});

describe("freshness", () => {
  it.each([
    {
      name: "just arrived",
      newest: { received: 10_000, age: 0.4, fresh: true },
      now: 10_100,
      want: { age: 0.5, stale: false },
    },
    {
      name: "two ticks missed",
      newest: { received: 10_000, age: 0.4, fresh: true },
      now: 12_900,
      want: { age: 3.3, stale: false },
    },
    {
      name: "three ticks missed",
      newest: { received: 10_000, age: 0.4, fresh: true },
      now: 13_600,
      want: { age: 4, stale: true },
    },
    {
      name: "old when it arrived",
      newest: { received: 10_000, age: 9, fresh: false },
      now: 10_000,
      want: { age: 9, stale: true },
    },
    { name: "the page just began", newest: undefined, now: 2000, want: { age: 1, stale: false } },
    { name: "nothing ever came", newest: undefined, now: 6000, want: { age: 5, stale: true } },
  ])("$name", ({ newest, now, want }) => {
    const got = freshness(newest, 1000, now);
    expect(got.age).toBeCloseTo(want.age);
    expect(got.stale).toBe(want.stale);
  });
});

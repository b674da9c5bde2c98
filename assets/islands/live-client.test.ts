import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Frame, Picture } from "./frames";
import { askedToWait, backoff, LiveClient, Refused, type Socket } from "./live-client";

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

/** Longer than any wait before another attempt: how long the client waits for a dead socket is another timer. */
const ATTEMPT = 5000;

function setUp(poll: (view: string, seq: number | undefined) => Promise<Frame | undefined> = async () => undefined) {
  const sockets: FakeSocket[] = [];
  const refused: string[] = [];
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
      return () => {
        if (timers.includes(timer)) {
          timers.splice(timers.indexOf(timer), 1);
        }
      };
    },
    drawn: (run) => drawn.push(run),
    random: () => 1,
    show: (picture) => shown.push(picture),
    refused: (view, message) => refused.push(`${view}: ${message}`),
  });
  const socket = () => sockets.at(-1) as FakeSocket;
  /** Lets the timers of a length run, and says how long they were. */
  const run = (which: (wait: number) => boolean) => {
    const due = timers.filter(({ wait }) => which(wait));
    due.forEach((timer) => {
      timers.splice(timers.indexOf(timer), 1);
    });
    return due.map(({ run, wait }) => [run(), wait][1]);
  };
  const elapse = () => run((wait) => wait <= ATTEMPT);
  const silence = () => run((wait) => wait > ATTEMPT);
  return { client, sockets, socket, shown, drawn, elapse, silence, refused };
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
    socket().frame({ v: "graph:shop", seq: 9 });
    release();
    await Promise.resolve();
    await Promise.resolve();
    expect(shown.map((picture) => picture.seq)).toEqual([1, 9]);
    expect(asked).toHaveLength(2);
  });

  it("polls also when sockets open and bring nothing", () => {
    const asked: string[] = [];
    const { client, socket, elapse } = setUp((view) => {
      asked.push(view);
      return new Promise(() => {});
    });
    client.add("graph:shop");
    client.start();
    for (let i = 0; i < 2; i++) {
      socket().accept();
      socket().lose();
      elapse();
    }
    expect(asked).toEqual(["graph:shop"]);
  });

  it("says that a view is refused, over the socket and by polling, and polls no more for it", async () => {
    const { client, socket, elapse, refused } = setUp(async (view) => {
      throw new Refused(`no ${view}`);
    });
    client.add("graph:shoe");
    client.start();
    socket().lose();
    elapse();
    socket().lose();
    await expect.poll(() => refused).toEqual(["graph:shoe: no graph:shoe"]);
    elapse();
    socket().accept();
    socket().frame({ v: "graph:shoe", error: "there is no mesh" });
    expect(refused).toEqual(["graph:shoe: no graph:shoe", "graph:shoe: there is no mesh"]);
  });

  it("gives up a socket that does not open, or that is silent while somebody looks", () => {
    const { client, sockets, socket, elapse, silence } = setUp();
    client.add("graph:shop");
    client.start();
    expect(silence()).toEqual([10_000]);
    expect(sockets[0]?.closed).toBe(true);
    elapse();
    sockets[0]?.accept(); // too late
    expect(sockets[0]?.sent).toEqual([]);
    socket().accept();
    socket().frame({ v: "graph:shop", seq: 1 });
    expect(silence()).toEqual([8000]);
    expect(sockets[1]?.closed).toBe(true);
    elapse();
    socket().accept();
    client.pause(true);
    expect(silence()).toEqual([]);
    client.pause(false);
    expect(silence()).toEqual([8000]);
  });

  it("lives with a socket that drops every second: each time it has the newest again", () => {
    const { client, socket, shown, elapse, sockets } = setUp();
    client.add("graph:shop");
    client.start();
    for (let seq = 1; seq <= 20; seq++) {
      socket().accept();
      socket().frame({ v: "graph:shop", seq: seq * 10 });
      socket().frame({ v: "graph:shop", seq: seq * 10 + 1, base: seq * 10 });
      socket().lose();
      expect(elapse()).toEqual([500]);
    }
    expect(sockets).toHaveLength(21);
    expect(shown.map((picture) => picture.seq)).toEqual(
      Array.from({ length: 20 }, (_, i) => [i * 10 + 10, i * 10 + 11]).flat(),
    );
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

describe("askedToWait", () => {
  it("takes what a server that restarts says, and nothing else", () => {
    expect(askedToWait({ code: 1012, reason: "the server is restarting; retry=1730" })).toBe(1730);
    expect(askedToWait({ code: 1012, reason: "the server is restarting" })).toBeUndefined();
    expect(askedToWait({ code: 1012, reason: "retry=999999" })).toBeUndefined();
    expect(askedToWait({ code: 1006, reason: "retry=5" })).toBeUndefined();
    expect(askedToWait({})).toBeUndefined();
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

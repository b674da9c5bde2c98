import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { adjacency, columns, flowOrder, graphOf, type Link } from "./layers";
import { type Box, type Layout, layout, linkKey } from "./layout";
import { crossings, settle, untangle } from "./order";

const sizes = { width: 180, gapX: 120, gapY: 18 };
const mesh = fc
  .integer({ min: 1, max: 40 })
  .chain((n) =>
    fc.record({
      boxes: fc.array(fc.integer({ min: 40, max: 160 }), { minLength: n, maxLength: n }),
      links: fc.array(fc.tuple(fc.nat(n - 1), fc.nat(n - 1)), { maxLength: 3 * n }),
    }),
  )
  .map(({ boxes, links }) => ({
    boxes: boxes.map((height, i): Box => ({ id: `box-${i}`, height })),
    links: links.map(([a, b]): Link => ({ from: `box-${a}`, to: `box-${b}` })),
  }));

function overlaps({ places }: Layout): string[] {
  const all = [...places];
  return all.flatMap(([a, p], i) =>
    all
      .slice(i + 1)
      .filter(([, q]) => p.column === q.column && p.y < q.y + q.height && q.y < p.y + p.height)
      .map(([b]) => `${a} over ${b}`),
  );
}

const plain = (l: Layout) => ({ places: [...l.places].sort(), bends: [...l.bends].sort() });

describe("layout", () => {
  it("places every box, none over another, and passes no link through a box", () => {
    fc.assert(
      fc.property(mesh, ({ boxes, links }) => {
        const drawn = layout(boxes, links, sizes);
        expect([...drawn.places.keys()].sort()).toEqual(boxes.map((box) => box.id).sort());
        expect(overlaps(drawn)).toEqual([]);
        for (const point of [...drawn.bends.values()].flat()) {
          const hit = [...drawn.places.values()].filter(
            (p) => point.x > p.x && point.x < p.x + sizes.width && point.y > p.y && point.y < p.y + p.height,
          );
          expect(hit).toEqual([]);
        }
      }),
    );
  });

  it("is the same for the same mesh in any order", () => {
    fc.assert(
      fc.property(mesh, fc.infiniteStream(fc.nat()), ({ boxes, links }, seed) => {
        const shuffled = <T>(list: readonly T[]): T[] =>
          list
            .map((value) => ({ value, key: seed.next().value }))
            .sort((a, b) => a.key - b.key)
            .map(({ value }) => value);
        const again = layout(shuffled(boxes), shuffled(links), sizes);
        expect(plain(again)).toEqual(plain(layout(boxes, links, sizes)));
      }),
    );
  });

  it("moves nobody when boxes are added, and gives them room of their own", () => {
    fc.assert(
      fc.property(mesh, fc.nat(), ({ boxes, links }, cut) => {
        const some = boxes.slice(0, 1 + (cut % boxes.length));
        const before = layout(some, links, sizes);
        const after = layout(boxes, links, sizes, before);
        for (const [id, place] of before.places) {
          expect(after.places.get(id)).toEqual(place);
        }
        expect(after.places.size).toBe(boxes.length);
        expect(overlaps(after)).toEqual([]);
      }),
    );
  });

  it("moves nobody else when a box grows", () => {
    fc.assert(
      fc.property(mesh, fc.nat(), ({ boxes, links }, pick) => {
        const grown = boxes[pick % boxes.length]?.id;
        const before = layout(boxes, links, sizes);
        const after = layout(
          boxes.map((box) => (box.id === grown ? { ...box, height: box.height + 40 } : box)),
          links,
          sizes,
          before,
        );
        for (const [id, place] of before.places) {
          expect(id === grown || after.places.get(id) === place).toBe(true);
        }
        expect(overlaps(after)).toEqual([]);
      }),
    );
  });

  it("keeps the picture when everything but one box leaves and comes back", () => {
    const boxes = ["a", "b", "c"].map((id) => ({ id, height: 40 }));
    const links = [
      { from: "a", to: "b" },
      { from: "b", to: "c" },
    ];
    const full = layout(boxes, links, sizes);
    expect(plain(layout(boxes, links, sizes, full))).toEqual(plain(full));
  });

  it("draws callers left of what they call, and a long link through the column between", () => {
    const boxes = ["gateway", "a", "b", "c"].map((id) => ({ id, height: 40 }));
    const links = [
      { from: "gateway", to: "a" },
      { from: "a", to: "b" },
      { from: "b", to: "c" },
      { from: "gateway", to: "c" },
    ];
    const drawn = layout(boxes, links, sizes);
    expect(["gateway", "a", "b", "c"].map((id) => drawn.places.get(id)?.column)).toEqual([0, 1, 2, 3]);
    expect(drawn.bends.get(linkKey({ from: "gateway", to: "c" }))).toHaveLength(2);
  });
});

describe("a large layout", () => {
  const crowd = (size: number) => {
    const boxes = Array.from({ length: size }, (_, i): Box => ({ id: `box-${i}`, height: i % 9 === 0 ? 123 : 52 }));
    const links = boxes.flatMap((box, i): Link[] =>
      i === 0 ? [] : [1, 2, 3].map((n) => ({ from: `box-${Math.floor(i / (n + 1))}`, to: box.id })),
    );
    return { boxes, links: [...links, { from: "box-9", to: "box-1" }] };
  };
  const drawn = ({ boxes, links }: ReturnType<typeof crowd>) => layout(boxes, links, sizes);

  it.each([61, 200, 2000])("of %i boxes has none over another, and is about as wide as a screen", (size) => {
    const picture = drawn(crowd(size));
    expect(overlaps(picture)).toEqual([]);
    const all = [...picture.places.values()];
    const right = Math.max(...all.map((p) => p.x + sizes.width)) - Math.min(...all.map((p) => p.x));
    const down = Math.max(...all.map((p) => p.y + p.height)) - Math.min(...all.map((p) => p.y));
    expect(right / down).toBeGreaterThan(0.8);
    expect(right / down).toBeLessThan(5);
  });

  it("runs nearly every link of a mesh that has an order from left to right", () => {
    const mesh = crowd(1000);
    const { places } = drawn(mesh);
    const x = (id: string) => places.get(id)?.x ?? Number.NaN;
    const on = mesh.links.filter((link) => x(link.from) < x(link.to));
    expect(on.length / mesh.links.length).toBeGreaterThan(0.97);
  });

  it("moves nobody when a hundred boxes come, and gives those that return their own place", () => {
    const mesh = crowd(600);
    const before = drawn({ boxes: mesh.boxes.slice(0, 500), links: mesh.links });
    const after = layout(mesh.boxes, mesh.links, sizes, before);
    for (const [id, place] of before.places) {
      expect(after.places.get(id)).toBe(place);
    }
    expect(overlaps(after)).toEqual([]);
    const fewer = layout(mesh.boxes.slice(0, 400), mesh.links, sizes, after);
    const again = layout(mesh.boxes, mesh.links, sizes, fewer);
    expect(plain(again).places).toEqual(plain(after).places);
  });
});

describe("columns", () => {
  const of = (boxes: readonly Box[], links: readonly Link[]) => {
    const ids = boxes.map((box) => box.id);
    const found = columns(graphOf(ids, links));
    return (id: string): number => found[ids.indexOf(id)] ?? Number.NaN;
  };

  it("run every link to the right when there is no cycle", () => {
    fc.assert(
      fc.property(mesh, ({ boxes, links }) => {
        const index = (id: string) => Number(id.slice(4));
        const acyclic = links.filter((link) => index(link.from) < index(link.to));
        const column = of(boxes, acyclic);
        for (const { from, to } of acyclic) {
          expect(column(from)).toBeLessThan(column(to));
        }
      }),
    );
  });

  it("run no more than half of the links back, whatever the cycles", () => {
    fc.assert(
      fc.property(mesh, ({ boxes, links }) => {
        const real = links.filter((link) => link.from !== link.to);
        const column = of(boxes, real);
        const back = real.filter((link) => column(link.from) >= column(link.to));
        expect(back.length).toBeLessThanOrEqual(real.length / 2);
      }),
    );
  });

  it("turn one link of a cycle around", () => {
    const cycle = [
      { from: "a", to: "b" },
      { from: "b", to: "c" },
      { from: "c", to: "a" },
    ];
    const order = flowOrder(graphOf(["a", "b", "c"], cycle)).map((i) => "abc"[i] ?? "");
    const against = cycle.filter((link) => order.indexOf(link.from) > order.indexOf(link.to));
    expect(against).toHaveLength(1);
  });
});

describe("order", () => {
  const sides = (size: number, links: [number, number][]) => {
    const [from, to] = [Int32Array.from(links.map(([a]) => a)), Int32Array.from(links.map(([, b]) => b))];
    return { out: adjacency(size, from, to), into: adjacency(size, to, from) };
  };

  it("untangles what can be untangled", () => {
    const tangled = [
      [0, 1, 2],
      [3, 4, 5],
    ];
    const links = sides(6, [
      [0, 5],
      [1, 4],
      [2, 3],
    ]);
    expect(crossings(tangled, links.out)).toBe(3);
    expect(crossings(untangle(tangled, links, 12), links.out)).toBe(0);
  });

  it("counts every pair of links that cross", () => {
    const rows = fc.integer({ min: 0, max: 7 });
    fc.assert(
      fc.property(fc.array(fc.tuple(rows, rows, fc.boolean()), { maxLength: 30 }), (ends) => {
        const columns = [
          [0, 1, 2, 3, 4, 5, 6, 7],
          [8, 9, 10, 11, 12, 13, 14, 15],
        ];
        const links = ends.map(([a, b, back]): [number, number] => (back ? [b + 8, a] : [a, b + 8]));
        const cross = ends.flatMap(([a, b], i) => ends.slice(i + 1).filter(([c, d]) => (a - c) * (b - d) < 0));
        expect(crossings(columns, sides(16, links).out)).toBe(cross.length);
      }),
    );
  });

  it("keeps order and distance when it settles wishes", () => {
    const wish = fc.record({
      height: fc.integer({ min: 1, max: 100 }),
      middle: fc.integer({ min: -500, max: 500 }),
      weight: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(wish, { maxLength: 20 }), (wishes) => {
        const middles = [...settle(wishes, 10)];
        middles.slice(1).forEach((middle, i) => {
          const apart = ((wishes[i]?.height ?? 0) + (wishes[i + 1]?.height ?? 0)) / 2 + 10;
          expect(middle - (middles[i] ?? 0)).toBeGreaterThanOrEqual(apart - 1e-6);
        });
      }),
    );
    expect([...settle([{ height: 10, middle: 42, weight: 1 }], 5)]).toEqual([42]);
  });
});

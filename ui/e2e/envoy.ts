// What an Envoy says of itself: the counters of its admin interface, which no part of Weir has touched.

import { request } from "node:http";

/** How many requests a proxy has sent to each virtual node of a mesh, by the admin interface at a Unix socket. */
export async function sentTo(socketPath: string, mesh: string): Promise<Record<string, number>> {
  const text = await new Promise<string>((done, fail) => {
    const asked = request({ socketPath, path: "/stats?filter=upstream_rq_total", timeout: 20_000 }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => {
        body += part;
      });
      answer.on("end", () => done(body));
      answer.on("error", fail);
    });
    asked.on("timeout", () => asked.destroy(new Error(`${socketPath} does not answer`)));
    asked.on("error", fail);
    asked.end();
  });
  const counter = new RegExp(`^cluster\\.cds_egress_${mesh}_(.+)_http_\\d+\\.upstream_rq_total: (\\d+)$`, "gm");
  return Object.fromEntries([...text.matchAll(counter)].map(([, node = "", count]) => [node, Number(count)]));
}

import { connect, type Socket } from "node:net";

// The load generator, in a process of its own: so many requests over keep-alive connections to all nodes, one at a time on each. The visitors
// take turns, and each of a visitor's requests goes to the next node; what cookies a response sets, the visitor sends from then on. Every
// answer other than 200 with the whole body is an error, and fails the run.

export interface ClusterLoad {
  readonly ports: readonly number[];
  /** Taken in turn. */
  readonly paths: readonly string[];
  readonly visitors: number;
  /** True: visitors without cookies. */
  readonly isNew: boolean;
  readonly count: number;
}

export interface ClusterLoadResult {
  readonly answered: number;
  /** Visitors that have a cookie. */
  readonly known: number;
  readonly error?: string;
}

const CONNECTIONS_PER_NODE = 6;
const BODY = "\r\n\r\ndone";

let jars: Map<string, string>[] = [];

async function run({ ports, paths, visitors, isNew, count }: ClusterLoad): Promise<ClusterLoadResult> {
  if (isNew) jars = Array.from({ length: visitors }, () => new Map<string, string>());
  let sent = 0;
  let answered = 0;
  const free = jars.map((_, index) => index);
  const drive = (socket: Socket): Promise<void> =>
    new Promise((resolve, reject) => {
      let text = "";
      let visitor = 0;
      const next = (): void => {
        visitor = free.shift() ?? 0;
        const cookies = Array.from(jars[visitor] ?? [], ([name, value]) => `${name}=${value}`).join("; ");
        const path = paths[sent % paths.length] ?? "";
        sent += 1;
        socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${cookies === "" ? "" : `Cookie: ${cookies}\r\n`}\r\n`);
      };
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("The server closed a connection.")));
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        if (!text.endsWith(BODY)) return;
        if (!text.startsWith("HTTP/1.1 200 ")) return reject(new Error(`Not 200: ${text.slice(0, 300)}`));
        for (const [, name = "", value = ""] of text.matchAll(/^set-cookie: ([^=]+)=([^;\r]*)/gim)) jars[visitor]?.set(name, value);
        text = "";
        free.push(visitor);
        answered += 1;
        if (sent < count) next();
        else resolve();
      });
      next();
    });
  const sockets = ports.flatMap((port) => Array.from({ length: CONNECTIONS_PER_NODE }, () => connect(port, "127.0.0.1")));
  const known = (): number => jars.filter(({ size }) => size > 0).length;
  try {
    await Promise.all(sockets.map(drive));
    return { answered, known: known() };
  } catch (error) {
    return { answered, known: known(), error: String(error) };
  } finally {
    for (const socket of sockets) socket.removeAllListeners("close").destroy();
  }
}

process.on("message", (load: ClusterLoad) => {
  void run(load).then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit(0));

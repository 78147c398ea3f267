import { connect } from "node:net";
import type { Socket } from "node:net";

// The load generator, in a process of its own: so many requests over keep-alive connections, one at a time on each. Every answer other than
// 200 with the whole body is an error, and fails the run.

export interface Load {
  readonly port: number;
  readonly path: string;
  /** Sent in turn; "" for none. */
  readonly cookies: readonly string[];
  readonly count: number;
}

export interface LoadResult {
  readonly answered: number;
  /** What each answer that set cookies gave, as a browser sends it back. */
  readonly setCookies: readonly string[];
  readonly error?: string;
}

const CONNECTION_COUNT = 16;
const BODY = "\r\n\r\ndone";

async function run({ port, path, cookies, count }: Load): Promise<LoadResult> {
  let sent = 0;
  let answered = 0;
  const setCookies: string[] = [];
  const nextRequest = (): string => {
    const cookie = cookies[sent % cookies.length] ?? "";
    sent += 1;
    return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${cookie === "" ? "" : `Cookie: ${cookie}\r\n`}\r\n`;
  };
  const drive = (socket: Socket): Promise<void> =>
    new Promise((resolve, reject) => {
      let text = "";
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("The server closed a connection.")));
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        if (!text.endsWith(BODY)) return;
        if (!text.startsWith("HTTP/1.1 200 ")) reject(new Error(`Not 200: ${text.slice(0, 40)}`));
        // koa-session's cookie has its signature in another.
        const given = [...text.matchAll(/^set-cookie: (.*?);/gim)].map((match) => match[1]);
        if (given.length > 0) setCookies.push(given.join("; "));
        text = "";
        answered += 1;
        if (sent < count) socket.write(nextRequest());
        else resolve();
      });
      socket.write(nextRequest());
    });
  const sockets = Array.from({ length: Math.min(CONNECTION_COUNT, count) }, () => connect(port, "127.0.0.1"));
  try {
    await Promise.all(sockets.map(drive));
    return { answered, setCookies };
  } catch (error) {
    return { answered, setCookies, error: String(error) };
  } finally {
    for (const socket of sockets) socket.removeAllListeners("close").destroy();
  }
}

process.on("message", (load: Load) => {
  void run(load).then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit(0));

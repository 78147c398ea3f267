import { Agent, request } from "node:http";

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** The JSON that a POST gives; undefined where there is none in time, or the answer is not 200. */
export function jsonOf(url: string, timeoutMs: number, body = ""): Promise<unknown> {
  return new Promise((resolve) => {
    const asking = request(url, { method: "POST", agent }, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8").on("data", (part: string) => (text += part));
      incoming.on("error", () => resolve(undefined));
      incoming.on("end", () => {
        clearTimeout(timer);
        resolve(incoming.statusCode === 200 ? (JSON.parse(text) as unknown) : undefined);
      });
    });
    const timer = setTimeout(() => asking.destroy(), timeoutMs);
    asking.on("error", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    asking.end(body);
  });
}

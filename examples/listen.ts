import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Listens on loopback, on `PORT` or a free port, and prints where. */
export function listen(app: RequestListener): Server {
  const server = createServer(app);
  server.on("error", (error) => {
    console.error(`It cannot listen: ${error.message}. Name another port: PORT=3001 npm run example -- …`);
    process.exitCode = 1;
  });
  return server.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1", () => {
    console.log(`Open http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  });
}

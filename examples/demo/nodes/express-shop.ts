import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import { FORM_BYTES_MAX, PANEL_HEADER, Shop, type ShopNode, type ShopSession } from "../shop/shop.ts";
import { failureOf } from "./failure.ts";

export interface ExpressShopOptions {
  readonly node: ShopNode;
  /** The one line in which the two panels differ. */
  readonly sessions: RequestHandler;
  /** What may be shown of the session's identity. */
  readonly label: (request: Request) => string;
}

/** The shop on Express with the given sessions, on a free port of this machine; its address. */
export async function startExpressShop({ node, sessions, label }: ExpressShopOptions): Promise<string> {
  const shop = new Shop(node);
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use(node.base === "" ? "/" : node.base, sessions, express.text({ type: "*/*", limit: FORM_BYTES_MAX }), async (request, response) => {
    const answer = await shop.answer(
      {
        method: request.method,
        path: request.path,
        form: new URLSearchParams(typeof request.body === "string" ? request.body : ""),
        wantsPanel: request.get(PANEL_HEADER) !== undefined,
      },
      {
        get session() {
          return request.session as ShopSession | undefined;
        },
        label: () => label(request),
      },
    );
    response.status(answer.status).set(answer.headers).send(answer.body);
  });
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const { status, text } = failureOf(error);
    if (response.headersSent) response.destroy();
    else response.status(status).type("text/plain").send(text);
  });
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

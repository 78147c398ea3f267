import { route, startSite } from "./library.ts";
import type { Exchange, Setup, Site } from "./library.ts";

/** One route `/`, and `/count` that tells how often it wrote. */
export function startCounting(setup: Setup, handler: (exchange: Exchange) => unknown): Promise<Site> {
  return startSite(setup, (app) => {
    app.use(setup.library.session());
    addCount(app);
    app.get("/", route(handler));
  });
}

export function addCount(app: { get: (path: string, handler: ReturnType<typeof route>) => unknown }): void {
  app.get(
    "/count",
    route(({ session }) => session["count"] ?? 0),
  );
}

/** `/write` counts, and `/read` tells how far. */
export function addWriteAndRead(app: { get: (path: string, handler: ReturnType<typeof route>) => unknown }): void {
  app.get(
    "/write",
    route((exchange) => {
      count(exchange);
      return exchange.session["count"];
    }),
  );
  app.get(
    "/read",
    route(({ session }) => session["count"] ?? null),
  );
}

export function count({ session }: Exchange): void {
  session["count"] = ((session["count"] as number | undefined) ?? 0) + 1;
}

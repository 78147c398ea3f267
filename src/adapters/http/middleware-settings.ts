import type { AdapterSettings } from "./adapter-settings.ts";

const settingsOfMiddleware = new WeakMap<object, AdapterSettings>();

/** Lets `testSession` (src/testing) find by what settings a middleware serves. */
export function rememberSettings<T extends object>(middleware: T, settings: AdapterSettings): T {
  settingsOfMiddleware.set(middleware, settings);
  return middleware;
}

export function settingsOf(middleware: object): AdapterSettings | undefined {
  return settingsOfMiddleware.get(middleware);
}

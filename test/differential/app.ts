import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Script, Side } from "./script.ts";

/** One library behind one framework, listening. */
export interface App {
  readonly port: number;
  /** The name of the session's cookie, where it is sent without TLS. */
  readonly cookieName: string;
  /** The session that the value of a session cookie stands for; undefined for one that stands for none. */
  idIn(cookieValue: string): string | undefined;
  close(): Promise<void>;
}

export type StartApp = (script: Script, side: Side) => Promise<App>;

/** `<id>[~<sent>].<signature>`, as this package writes it; others have no `~` in their ids. */
export function idBeforeSignature(value: string): string | undefined {
  const dot = value.lastIndexOf(".");
  if (dot <= 0) return undefined;
  return value.slice(0, dot).split("~")[0];
}

export async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

export async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** What the options call the cookie, under the first of `options` names that is there. */
export function nameIn(options: Readonly<Record<string, unknown>>, names: readonly string[], otherwise: string): string {
  return names.map((name) => options[name]).find((name) => typeof name === "string") ?? otherwise;
}

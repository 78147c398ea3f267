/**
 * What a node of the demo gets from outside: its name and the relays' addresses as arguments, and two secrets in the environment, drawn anew
 * for each run of the demo: SESSION_SECRET signs cookies, CONVERGE_SESSION_SECRET lets nodes and relays know each
 * other. DEMO_ACKS: how many relays must have a write before its response goes out.
 */
export const SESSION_SECRET = secretOf("SESSION_SECRET");
export const RELAY_SECRET = secretOf("CONVERGE_SESSION_SECRET");

export const ACKS = Number(process.env["DEMO_ACKS"] ?? 0);

export interface NodeArguments {
  readonly name: string;
  readonly relays: readonly string[];
}

export function nodeArguments(): NodeArguments {
  const [name, ...relays] = process.argv.slice(2);
  if (name === undefined || relays.length === 0)
    throw new Error("Arguments are needed: the node's name, and the relays' addresses as ws://127.0.0.1:7411.");
  return { name, relays };
}

/** Ends the process on SIGTERM, once what was written is handed on. Requests under way are cut off. */
export function onStop(close: () => Promise<void>): void {
  process.once("SIGTERM", () => {
    close().then(
      () => process.exit(),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}

/** That a cookie over plain http on this machine has no Secure is what a demo wants; the rest is for whoever runs it. */
export function quietly(notice: { readonly code: string; readonly message: string }): void {
  if (notice.code !== "loopback-cookie") console.error(notice.message);
}

function secretOf(name: string): string {
  const secret = process.env[name];
  if (secret === undefined) throw new Error(`Set ${name} to 32 bytes or more (openssl rand -base64 33).`);
  return secret;
}

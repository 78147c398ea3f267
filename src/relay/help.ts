import { SECRET_VARIABLE } from "./secret.ts";

/** What `converge-session relay --help` ends with: how it is used, by example. */
export const HELP_EXAMPLES = `
A setting counts from its flag, else from its environment variable, else from the config file.

One relay, and nodes on the same machine:
  openssl rand -base64 33 > secret && chmod 600 secret
  converge-session relay --secret-file secret
  ${SECRET_VARIABLE}="$(cat secret)" node app.js     # as often as you like, each on its port

  // in app.js
  import { createEngine } from "converge-session";
  import { relays } from "converge-session/sync";
  const sync = relays(["ws://127.0.0.1:7411"], { alone: "serve", secret: process.env.${SECRET_VARIABLE} });
  const engine = createEngine({ sync });

A pair that is one: either may die. Each names the other, nodes name both:
  converge-session relay --listen 10.0.0.1:7411 --peer ws://10.0.0.2:7411 --secret-file secret     # on the first machine
  converge-session relay --listen 10.0.0.2:7411 --peer ws://10.0.0.1:7411 --secret-file secret     # on the second

Encrypted, and with the sessions on disk, too:
  converge-session relay --listen 0.0.0.0:7411 --tls-cert relay.crt --tls-key relay.key --data /var/lib/converge-session --secret-file secret

As a service: examples/deploy/converge-session-relay.service (systemd), examples/deploy/compose.yaml (two relays and an app).

When it listens it prints one line; its log goes to stderr, one JSON object a line:
  converge-session relay listening on ws://127.0.0.1:7411 domain=default …
On its port it also answers GET /health (it runs), /ready (it counts) and /metrics (Prometheus).
SIGTERM and SIGINT: tells its peers, waits until they have what is queued (--drain-ms), ends with 0; a second one ends it at once.
SIGHUP: reads the certificate files again.

The secret proves who belongs here; it does not encrypt. It is never a flag or in the config file. Keep the port off the internet.`;

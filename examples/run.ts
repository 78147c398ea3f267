/** `npm run example -- login`: runs one of the examples. */
const EXAMPLES: Readonly<Record<string, string>> = {
  login: "a login with passport, flash messages and CSRF tokens; sessions survive the process on disk",
  flash: "a form that shows its result after a redirect, with connect-flash",
  form: "a form on Fastify with @fastify/flash, which keeps what was typed wrong",
  "two-nodes-one-relay": "the shortest real deployment: two nodes and a relay, each a process of its own",
  "mixed-cluster": "login on Express, cart on Fastify, checkout on Koa: one cookie, one session, one logout",
  chat: "a chat over WebSocket that sees logins, logouts and changes of its sessions",
  shop: "a shop on Koa: carts of two tabs add up, and an order goes out once",
  "socket.io": "plain Node and socket.io: sockets see their sessions change, keep them alive, and end with them",
};

/** Those that are one file, or in a folder of another name. */
const FILES: Readonly<Record<string, string>> = { "two-nodes-one-relay": "./two-nodes-one-relay.ts", "socket.io": "./socketio/main.ts" };

const name = process.argv[2] ?? "";
if (Object.hasOwn(EXAMPLES, name)) await import(FILES[name] ?? `./${name}/main.ts`);
else {
  console.log("npm run example -- <name>, where <name> is one of:\n");
  for (const [each, what] of Object.entries(EXAMPLES)) console.log(`  ${each.padEnd(20)} ${what}`);
  process.exitCode = name === "" ? 0 : 1;
}

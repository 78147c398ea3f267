import { describe, expect, it } from "vitest";
import { credentialsOf } from "./credentials.ts";
import { greetingMac } from "./authentication.ts";
import { NodeGreeting, RelayGreeting } from "./greeting.ts";
import { encodeChallenge } from "./messages/challenge.ts";
import { encodeHello, type Hello } from "./messages/hello.ts";
import { decodeFrame } from "./messages/index.ts";
import { encodePing } from "./messages/ping.ts";
import { encodeWelcome } from "./messages/welcome.ts";
import { PROTOCOL_VERSION } from "./protocol-version.ts";

const SECRET = "a secret that is at least thirty-two bytes long";
const OURS = credentialsOf({ secret: SECRET });
const STRANGERS = credentialsOf({ secret: `${SECRET}!` });
const NODE_ID = new Uint8Array(16).fill(1);
const RELAY_ID = new Uint8Array(16).fill(2);
const nonce = (value: number): Uint8Array => new Uint8Array(32).fill(value);

const node = (credentials = OURS, nonceValue = 3): NodeGreeting => new NodeGreeting(credentials, NODE_ID, nonce(nonceValue));
const relay = (credentials = OURS, nonceValue = 4): RelayGreeting => new RelayGreeting(credentials, RELAY_ID, nonce(nonceValue));
/** What the other side would read. */
const sent = (bytes: Uint8Array | undefined): ReturnType<typeof decodeFrame> => decodeFrame(bytes ?? new Uint8Array());
const helloTo = (greeting: RelayGreeting, from = node()): Hello => sent(from.receive(sent(greeting.challenge)).reply) as Hello;
const refusal = (reason: string): unknown => expect.objectContaining({ name: "ProtocolError", reason });

describe("greeting", () => {
  it("[SY1] ends with both sides known to each other when they share secret, domain and version", () => {
    const [theirs, ours] = [relay(), node()];
    const welcome = theirs.receive(helloTo(theirs, ours));
    expect(welcome.done).toBe(true);
    expect(ours.receive(sent(welcome.reply))).toEqual({ reply: undefined, done: true });
  });

  it("[SY1] refuses a node with another secret", () => {
    const theirs = relay();
    expect(() => theirs.receive(helloTo(theirs, node(STRANGERS)))).toThrow(refusal("notAuthenticated"));
  });

  it("[SY1] refuses a relay that does not know the secret, before it is told anything", () => {
    const ours = node();
    ours.receive(sent(relay(STRANGERS).challenge));
    expect(() => ours.receive(sent(encodeWelcome({ mac: nonce(0) })))).toThrow(refusal("notAuthenticated"));
  });

  it("[SY1] refuses a node's own MAC sent back to it", () => {
    const [theirs, ours] = [relay(), node()];
    const { mac } = helloTo(theirs, ours);
    expect(() => ours.receive(sent(encodeWelcome({ mac })))).toThrow(refusal("notAuthenticated"));
  });

  it("[SY1] refuses a hello and a welcome of an earlier connection", () => {
    const recorded = relay(OURS, 4);
    const hello = helloTo(recorded);
    const welcome = sent(recorded.receive(hello).reply);
    expect(() => relay(OURS, 5).receive(hello)).toThrow(refusal("notAuthenticated"));
    const ours = node(OURS, 6);
    ours.receive(sent(recorded.challenge));
    expect(() => ours.receive(welcome)).toThrow(refusal("notAuthenticated"));
  });

  it("[SY1] refuses a hello of which any field was changed on the way", () => {
    const theirs = relay();
    const hello = helloTo(theirs);
    const changed: Partial<Hello>[] = [{ domain: "other" }, { nodeId: RELAY_ID }, { nodeNonce: nonce(9) }, { mac: nonce(9) }];
    for (const change of changed) expect(() => theirs.receive({ ...hello, ...change })).toThrow(refusal("notAuthenticated"));
  });

  it("[SY1] refuses another domain, and says so only to who knows the secret", () => {
    const theirs = relay();
    expect(() => theirs.receive(helloTo(theirs, node(credentialsOf({ secret: SECRET, domain: "other" }))))).toThrow(refusal("wrongDomain"));
    expect(() => theirs.receive(helloTo(theirs, node({ ...STRANGERS, domain: "other" })))).toThrow(refusal("notAuthenticated"));
  });

  it("[SY1] refuses a version that is not served, on either side", () => {
    const theirs = relay();
    for (const version of [0, PROTOCOL_VERSION + 1, 99])
      expect(() => theirs.receive({ ...helloTo(theirs), version })).toThrow(refusal("versionNotServed"));
    const old = encodeChallenge({ version: 0, relayId: RELAY_ID, relayNonce: nonce(4) });
    expect(() => node().receive(sent(old))).toThrow(refusal("versionNotServed"));
  });

  it("[SY1] speaks its own newest version to a relay that offers a newer one, and signs what was offered", () => {
    const newer = { version: 9, relayId: RELAY_ID, relayNonce: nonce(4) };
    const hello = sent(node().receive(sent(encodeChallenge(newer))).reply) as Hello;
    expect(hello.version).toBe(PROTOCOL_VERSION);
    const transcript = {
      offeredVersion: 9,
      version: PROTOCOL_VERSION,
      domain: "default",
      relayId: RELAY_ID,
      nodeId: NODE_ID,
      relayNonce: nonce(4),
      nodeNonce: nonce(3),
    };
    expect(new Uint8Array(hello.mac)).toEqual(new Uint8Array(greetingMac(OURS.secret, "node", transcript)));
  });

  it("[SY1] accepts no frame out of its place", () => {
    const [ping, challenge] = [sent(encodePing({ token: 1 })), sent(relay().challenge)];
    expect(() => relay().receive(ping)).toThrow(refusal("malformed"));
    expect(() => node().receive(sent(encodeWelcome({ mac: nonce(0) })))).toThrow(refusal("malformed"));
    const twice = node();
    twice.receive(challenge);
    expect(() => twice.receive(challenge)).toThrow(refusal("malformed"));
  });

  it("[SY1] never sends the secret", () => {
    const [theirs, ours] = [relay(), node()];
    const hello = helloTo(theirs, ours);
    const all = Buffer.concat([theirs.challenge, encodeHello(hello), theirs.receive(hello).reply ?? new Uint8Array()]);
    expect(all.includes(SECRET)).toBe(false);
  });
});

import { describe, expect, it } from "vitest";
import { type Credentials, credentialsOf } from "./credentials.ts";
import { greetingMac } from "./authentication.ts";
import { DialerGreeting, type GreetingStep, type KnownDialer, RelayGreeting } from "./greeting.ts";
import { encodeChallenge } from "./messages/challenge.ts";
import { type Dialer, encodeHello, type Hello } from "./messages/hello.ts";
import { decodeFrame, type Frame } from "./messages/index.ts";
import { encodePing } from "./messages/ping.ts";
import { encodeWelcome, type Standing, type Welcome } from "./messages/welcome.ts";
import { PROTOCOL_VERSION, type Versions } from "./protocol-version.ts";

const SECRET = "a secret that is at least thirty-two bytes long";
const OURS = credentialsOf({ secret: SECRET });
const STRANGERS = credentialsOf({ secret: `${SECRET}!` });
const NODE: Dialer = { role: "node", id: new Uint8Array(16).fill(1), incarnation: new Uint8Array(16).fill(5), wantsPromptAcks: false };
const STANDING: Standing = {
  incarnation: new Uint8Array(16).fill(6),
  status: { isComplete: true, completeSinceMs: 7, memberCount: 2 },
};
const RELAY_ID = new Uint8Array(16).fill(2);
const nonce = (value: number): Uint8Array => new Uint8Array(32).fill(value);

/** A relay that always says the same of itself. */
class TestRelay {
  readonly #greeting: RelayGreeting;

  constructor(credentials: Credentials, id: Uint8Array, relayNonce: Uint8Array, versions?: Versions) {
    this.#greeting = new RelayGreeting(credentials, id, relayNonce, versions);
  }

  get challenge(): Uint8Array {
    return this.#greeting.challenge;
  }

  receive(frame: Frame): GreetingStep<KnownDialer> {
    return this.#greeting.receive(frame, () => STANDING);
  }
}

const node = (credentials = OURS, nonceValue = 3, versions?: Versions): DialerGreeting =>
  new DialerGreeting(credentials, NODE, nonce(nonceValue), versions);
const relay = (credentials = OURS, nonceValue = 4, versions?: Versions): TestRelay =>
  new TestRelay(credentials, RELAY_ID, nonce(nonceValue), versions);
/** What the other side would read. */
const sent = (bytes: Uint8Array | undefined): ReturnType<typeof decodeFrame> => decodeFrame(bytes ?? new Uint8Array());
const helloTo = (greeting: TestRelay, from = node()): Hello => sent(from.receive(sent(greeting.challenge)).reply) as Hello;
const refusal = (reason: string): unknown => expect.objectContaining({ name: "ProtocolError", reason });

describe("greeting", () => {
  it("[SY1] ends with both sides known to each other when they share secret, domain and version", () => {
    const [theirs, ours] = [relay(), node()];
    const welcome = theirs.receive(helloTo(theirs, ours));
    expect(welcome.peer).toEqual({ ...NODE, version: PROTOCOL_VERSION });
    expect(ours.receive(sent(welcome.reply))).toEqual({
      reply: undefined,
      peer: { ...STANDING, relayId: RELAY_ID, version: PROTOCOL_VERSION },
    });
  });

  it("[SY1] refuses a node with another secret", () => {
    const theirs = relay();
    expect(() => theirs.receive(helloTo(theirs, node(STRANGERS)))).toThrow(refusal("notAuthenticated"));
  });

  it("[SY1] refuses a relay that does not know the secret, before it is told anything", () => {
    const ours = node();
    ours.receive(sent(relay(STRANGERS).challenge));
    expect(() => ours.receive(sent(encodeWelcome({ standing: STANDING, mac: nonce(0) })))).toThrow(refusal("notAuthenticated"));
  });

  it("[SY1] refuses a node's own MAC sent back to it", () => {
    const [theirs, ours] = [relay(), node()];
    const { mac } = helloTo(theirs, ours);
    expect(() => ours.receive(sent(encodeWelcome({ standing: STANDING, mac })))).toThrow(refusal("notAuthenticated"));
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
    const changed: Partial<Hello>[] = [
      { domain: "other" },
      { dialer: { ...NODE, id: RELAY_ID } },
      { dialer: { ...NODE, role: "relay" } },
      { dialer: { ...NODE, incarnation: RELAY_ID } },
      { dialer: { ...NODE, wantsPromptAcks: true } },
      { nodeNonce: nonce(9) },
      { mac: nonce(9) },
    ];
    for (const change of changed) expect(() => theirs.receive({ ...hello, ...change })).toThrow(refusal("notAuthenticated"));
  });

  it("[SY1] [SY33] refuses a welcome of which anything was changed on the way", () => {
    const { status } = STANDING;
    const changed: Standing[] = [
      { ...STANDING, incarnation: RELAY_ID },
      { ...STANDING, status: { ...status, isComplete: false } },
      { ...STANDING, status: { ...status, completeSinceMs: 6 } },
      { ...STANDING, status: { ...status, memberCount: 3 } },
    ];
    for (const standing of changed) {
      const [theirs, ours] = [relay(), node()];
      const welcome = sent(theirs.receive(helloTo(theirs, ours)).reply) as Welcome;
      expect(() => ours.receive({ ...welcome, standing })).toThrow(refusal("notAuthenticated"));
    }
  });

  it("[SY32] recognizes an address that is its own", () => {
    const ours = new DialerGreeting(OURS, { ...NODE, role: "relay", id: RELAY_ID }, nonce(3));
    expect(() => ours.receive(sent(relay().challenge))).toThrow(refusal("itself"));
  });

  it("[SY34] speaks with the version before its own, whichever side is the older one, and with none before that", () => {
    const [now, before] = [9, 8].map((newest) => ({ newest, oldest: newest - 1 }));
    for (const [listens, dials] of [
      [now, before],
      [before, now],
    ]) {
      const [theirs, ours] = [relay(OURS, 4, listens), node(OURS, 3, dials)];
      const welcome = theirs.receive(helloTo(theirs, ours));
      expect(welcome.peer?.version).toBe(8);
      expect(ours.receive(sent(welcome.reply)).peer?.version).toBe(8);
    }
    const oldest = { newest: 7, oldest: 7 };
    expect(() => helloTo(relay(OURS, 4, oldest), node(OURS, 3, { newest: 9, oldest: 8 }))).toThrow(refusal("versionNotServed"));
    const theirs = relay(OURS, 4, now);
    const hello = helloTo(theirs, node(OURS, 3, oldest));
    expect(() => theirs.receive(hello)).toThrow(refusal("versionNotServed"));
  });

  it("[SY1] refuses another domain, and says so only to who knows the secret", () => {
    const theirs = relay();
    expect(() => theirs.receive(helloTo(theirs, node(credentialsOf({ secret: SECRET, domain: "other" }))))).toThrow(refusal("wrongDomain"));
    expect(() => theirs.receive(helloTo(theirs, node({ ...STRANGERS, domain: "other" })))).toThrow(refusal("notAuthenticated"));
  });

  it("[SY1] refuses a version that is not served, on either side", () => {
    const theirs = relay();
    for (const version of [0, PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1, 99])
      expect(() => theirs.receive({ ...helloTo(theirs), version })).toThrow(refusal("versionNotServed"));
    const old = encodeChallenge({ version: PROTOCOL_VERSION - 1, relayId: RELAY_ID, relayNonce: nonce(4) });
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
      dialer: NODE,
      relayNonce: nonce(4),
      nodeNonce: nonce(3),
    };
    expect(new Uint8Array(hello.mac)).toEqual(new Uint8Array(greetingMac(OURS.secret, transcript)));
  });

  it("[SY1] accepts no frame out of its place", () => {
    const [ping, challenge] = [sent(encodePing({ token: 1, nowMs: 0, rttMs: 0 })), sent(relay().challenge)];
    expect(() => relay().receive(ping)).toThrow(refusal("malformed"));
    expect(() => node().receive(sent(encodeWelcome({ standing: STANDING, mac: nonce(0) })))).toThrow(refusal("malformed"));
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

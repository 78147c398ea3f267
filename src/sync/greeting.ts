import { greetingMac, macMatches, type Transcript } from "./authentication.ts";
import type { Credentials } from "./credentials.ts";
import { encodeChallenge } from "./messages/challenge.ts";
import { encodeHello } from "./messages/hello.ts";
import type { Frame } from "./messages/index.ts";
import { encodeWelcome } from "./messages/welcome.ts";
import { ProtocolError } from "./protocol-error.ts";
import { commonVersion, OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION } from "./protocol-version.ts";

/** What one frame of the greeting leads to: bytes to send, and whether the other side is known from now on. */
export interface GreetingStep {
  readonly reply: Uint8Array | undefined;
  readonly done: boolean;
}

/** The node's half of one connection's greeting. Decides only; the link sends. */
export class NodeGreeting {
  readonly #credentials: Credentials;
  readonly #nodeId: Uint8Array;
  readonly #nodeNonce: Uint8Array;
  #transcript: Transcript | undefined;

  /** `nodeNonce`: 32 random bytes that were never used before. */
  constructor(credentials: Credentials, nodeId: Uint8Array, nodeNonce: Uint8Array) {
    this.#credentials = credentials;
    this.#nodeId = nodeId;
    this.#nodeNonce = nodeNonce;
  }

  /** @throws ProtocolError after which nothing more may be done on this connection. */
  receive(frame: Frame): GreetingStep {
    if (frame.kind === "challenge" && this.#transcript === undefined) {
      const version = commonVersion(frame.version);
      if (version === undefined) throw new ProtocolError("versionNotServed", "the relay speaks older versions only");
      const transcript = {
        offeredVersion: frame.version,
        version,
        domain: this.#credentials.domain,
        relayId: frame.relayId,
        nodeId: this.#nodeId,
        relayNonce: frame.relayNonce,
        nodeNonce: this.#nodeNonce,
      };
      this.#transcript = transcript;
      return { reply: encodeHello({ ...transcript, mac: greetingMac(this.#credentials.secret, "node", transcript) }), done: false };
    }
    if (frame.kind === "welcome" && this.#transcript !== undefined) {
      if (!macMatches(frame.mac, this.#credentials.secret, "relay", this.#transcript)) {
        throw new ProtocolError("notAuthenticated", "the relay does not know the secret");
      }
      return { reply: undefined, done: true };
    }
    throw new ProtocolError("malformed", "a frame came that has no place in the greeting");
  }
}

/** The relay's half. `challenge` goes out first; then exactly one frame is read. */
export class RelayGreeting {
  readonly challenge: Uint8Array;
  readonly #credentials: Credentials;
  readonly #relayId: Uint8Array;
  readonly #relayNonce: Uint8Array;

  /** `relayNonce`: 32 random bytes that were never used before. */
  constructor(credentials: Credentials, relayId: Uint8Array, relayNonce: Uint8Array) {
    this.#credentials = credentials;
    this.#relayId = relayId;
    this.#relayNonce = relayNonce;
    this.challenge = encodeChallenge({ version: PROTOCOL_VERSION, relayId, relayNonce });
  }

  /** @throws ProtocolError after which nothing more may be done on this connection. */
  receive(frame: Frame): GreetingStep {
    if (frame.kind !== "hello") throw new ProtocolError("malformed", "a frame came that has no place in the greeting");
    if (frame.version < OLDEST_PROTOCOL_VERSION || frame.version > PROTOCOL_VERSION) {
      throw new ProtocolError("versionNotServed", "the node asks for a version that is not served");
    }
    const transcript: Transcript = {
      offeredVersion: PROTOCOL_VERSION,
      version: frame.version,
      domain: frame.domain,
      relayId: this.#relayId,
      nodeId: frame.nodeId,
      relayNonce: this.#relayNonce,
      nodeNonce: frame.nodeNonce,
    };
    if (!macMatches(frame.mac, this.#credentials.secret, "node", transcript)) {
      throw new ProtocolError("notAuthenticated", "the node does not know the secret");
    }
    // Only who knows the secret learns that the domain is another one.
    if (frame.domain !== this.#credentials.domain) throw new ProtocolError("wrongDomain", "the node belongs to another domain");
    return { reply: encodeWelcome({ mac: greetingMac(this.#credentials.secret, "relay", transcript) }), done: true };
  }
}

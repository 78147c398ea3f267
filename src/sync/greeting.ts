import { greetingMac, macMatches, type Transcript } from "./authentication.ts";
import type { Credentials } from "./credentials.ts";
import { encodeChallenge } from "./messages/challenge.ts";
import { type Dialer, encodeHello } from "./messages/hello.ts";
import type { Frame } from "./messages/index.ts";
import { encodeWelcome, type Standing } from "./messages/welcome.ts";
import { ProtocolError } from "./protocol-error.ts";
import { commonVersion, SPOKEN_VERSIONS, type Versions } from "./protocol-version.ts";

/** What one frame of the greeting leads to: bytes to send, and who the other side is, once that is known. */
export interface GreetingStep<Peer> {
  readonly reply: Uint8Array | undefined;
  readonly peer: Peer | undefined;
}

/** A relay that was dialed, from its welcome on. */
export interface KnownRelay extends Standing {
  /** Drawn at its process start. */
  readonly relayId: Uint8Array;
  /** That this connection speaks. */
  readonly version: number;
}

/** Who dialed, from the hello on. */
export interface KnownDialer extends Dialer {
  /** That this connection speaks. */
  readonly version: number;
}

/** The half of the greeting of who dials. Decides only; the link sends. */
export class DialerGreeting {
  readonly #credentials: Credentials;
  readonly #dialer: Dialer;
  readonly #nonce: Uint8Array;
  readonly #versions: Versions;
  #transcript: Transcript | undefined;

  /** `nonce`: 32 random bytes that were never used before. */
  constructor(credentials: Credentials, dialer: Dialer, nonce: Uint8Array, versions = SPOKEN_VERSIONS) {
    this.#credentials = credentials;
    this.#dialer = dialer;
    this.#nonce = nonce;
    this.#versions = versions;
  }

  /** @throws ProtocolError after which nothing more may be done on this connection. */
  receive(frame: Frame): GreetingStep<KnownRelay> {
    const { domain, secret } = this.#credentials;
    const transcript = this.#transcript;
    if (frame.kind === "challenge" && transcript === undefined) {
      // A relay that is configured with all relays is configured with itself, too.
      if (Buffer.compare(frame.relayId, this.#dialer.id) === 0) throw new ProtocolError("itself", "the address is this relay's own");
      const version = commonVersion(frame.version, this.#versions);
      if (version === undefined) throw new ProtocolError("versionNotServed", "the relay speaks older versions only");
      const { relayId, relayNonce, version: offeredVersion } = frame;
      const said = { offeredVersion, version, domain, relayId, dialer: this.#dialer, relayNonce, nodeNonce: this.#nonce };
      this.#transcript = said;
      return { reply: encodeHello({ ...said, mac: greetingMac(secret, said) }), peer: undefined };
    }
    if (frame.kind === "welcome" && transcript !== undefined) {
      if (!macMatches(frame.mac, secret, transcript, frame.standing)) {
        throw new ProtocolError("notAuthenticated", "the relay does not know the secret");
      }
      return { reply: undefined, peer: { ...frame.standing, relayId: transcript.relayId, version: transcript.version } };
    }
    throw new ProtocolError("malformed", "a frame came that has no place in the greeting");
  }
}

/** The relay's half. `challenge` goes out first; then exactly one frame is read. */
export class RelayGreeting {
  readonly challenge: Uint8Array;
  readonly #credentials: Credentials;
  readonly #relayId: Uint8Array;
  readonly #nonce: Uint8Array;
  readonly #versions: Versions;

  /** `nonce`: 32 random bytes that were never used before. */
  constructor(credentials: Credentials, relayId: Uint8Array, nonce: Uint8Array, versions = SPOKEN_VERSIONS) {
    this.#credentials = credentials;
    this.#relayId = relayId;
    this.#nonce = nonce;
    this.#versions = versions;
    this.challenge = encodeChallenge({ version: versions.newest, relayId, relayNonce: nonce });
  }

  /**
   * `standing`: what this relay has to say of itself to who dials.
   * @throws ProtocolError after which nothing more may be done on this connection.
   */
  receive(frame: Frame, standing: (dialer: Dialer) => Standing): GreetingStep<KnownDialer> {
    if (frame.kind !== "hello") throw new ProtocolError("malformed", "a frame came that has no place in the greeting");
    const { version, domain, dialer, nodeNonce } = frame;
    const { newest, oldest } = this.#versions;
    if (version < oldest || version > newest) throw new ProtocolError("versionNotServed", "a version is asked for that is not served");
    const { secret } = this.#credentials;
    const said = { offeredVersion: newest, version, domain, relayId: this.#relayId, dialer, relayNonce: this.#nonce, nodeNonce };
    if (!macMatches(frame.mac, secret, said)) throw new ProtocolError("notAuthenticated", "who dialed does not know the secret");
    // Only who knows the secret learns that the domain is another one.
    if (domain !== this.#credentials.domain) throw new ProtocolError("wrongDomain", "who dialed belongs to another domain");
    const own = standing(dialer);
    return { reply: encodeWelcome({ standing: own, mac: greetingMac(secret, said, own) }), peer: { ...dialer, version } };
  }
}

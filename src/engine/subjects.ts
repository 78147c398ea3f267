import { encodeUtf8 } from "lib0/string";
import type { Sha256 } from "./containers.ts";
import { SessionError } from "./errors.ts";
import { KEY_BYTES, keyFromBytes } from "./key-bytes.ts";
import type { SubjectKey } from "./record.ts";
import type { SessionStore } from "./session-store.ts";
import { isWellFormed } from "./values.ts";
import type { Revocations } from "./verdict.ts";

const BLOCK_BYTES = 64;
/** What another process revoked is known here by then at the latest; the sessions that it ended are known at once. */
const REREAD_MS = 5_000;

/**
 * To whom sessions belong, and since when whose are revoked. A subject is known by a keyed hash only: HMAC-SHA-256 (RFC 2104), its
 * first 16 bytes.
 */
export class Subjects {
  readonly #sha256: Sha256;
  readonly #inner: Uint8Array;
  readonly #outer: Uint8Array;
  #isRead = false;
  #readAtMs = -Infinity;
  #reading: Promise<void> | undefined;
  readonly #revocations = new Map<SubjectKey, number>();

  constructor(secret: string, sha256: Sha256) {
    this.#sha256 = sha256;
    const bytes = encodeUtf8(secret);
    const key = new Uint8Array(BLOCK_BYTES);
    key.set(bytes.length > BLOCK_BYTES ? sha256(bytes) : bytes);
    this.#inner = key.map((byte) => byte ^ 0x36);
    this.#outer = key.map((byte) => byte ^ 0x5c);
  }

  /** The registers as they are now; they grow under whoever holds this. */
  get revocations(): Revocations {
    return this.#revocations;
  }

  /** @throws SessionError OPTION_INVALID for what names nobody: two such would be one and the same. */
  keyOf(subject: string): SubjectKey {
    if (typeof subject !== "string" || subject === "" || !isWellFormed(subject))
      throw new SessionError("OPTION_INVALID", "A subject is a text that is not empty, such as String(user.id); undefined for nobody.");
    const inner = this.#sha256(joined(this.#inner, encodeUtf8(subject)));
    return keyFromBytes(this.#sha256(joined(this.#outer, inner)).subarray(0, KEY_BYTES));
  }

  /** When a session that is given to `subject` now is given to it: after everything that is revoked. */
  givenAtMs(subject: SubjectKey | undefined, nowMs: number): number {
    return afterRegisterMs(subject === undefined ? undefined : this.#revocations.get(subject), nowMs);
  }

  raise(subject: SubjectKey, notBeforeMs: number): void {
    if (notBeforeMs > (this.#revocations.get(subject) ?? -1)) this.#revocations.set(subject, notBeforeMs);
  }

  /**
   * Reads what was revoked before this process began, once: undefined when that is done. Where other processes share the store, it is read
   * again every few seconds, meanwhile. Registers from before `forgottenMs` are dropped: no session lives so long.
   * @throws SessionError SESSION_UNAVAILABLE; the next call tries again
   */
  known(store: SessionStore, monotonicMs: number, forgottenMs: () => number): Promise<void> | undefined {
    const isDue = store.version !== undefined && monotonicMs >= this.#readAtMs + REREAD_MS;
    if (this.#isRead && !isDue) return undefined;
    if (isDue) this.#readAtMs = monotonicMs;
    this.#reading ??= this.#read(store, forgottenMs()).finally(() => {
      this.#reading = undefined;
    });
    if (!this.#isRead) return this.#reading;
    this.#reading.catch(() => undefined);
    return undefined;
  }

  async #read(store: SessionStore, forgottenMs: number): Promise<void> {
    for (const [subject, notBeforeMs] of this.#revocations) if (notBeforeMs < forgottenMs) this.#revocations.delete(subject);
    try {
      for (const [subject, notBeforeMs] of await store.revocations()) if (notBeforeMs >= forgottenMs) this.raise(subject, notBeforeMs);
    } catch (cause) {
      throw new SessionError("SESSION_UNAVAILABLE", "The store did not say who was revoked, so nobody can be let in; try again.", {
        cause,
      });
    }
    this.#isRead = true;
  }
}

/** Now, and after what is revoked already. */
export function afterRegisterMs(registerMs: number | undefined, nowMs: number): number {
  return Math.max(nowMs, (registerMs ?? -1) + 1);
}

function joined(left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(left.length + right.length);
  bytes.set(left);
  bytes.set(right, left.length);
  return bytes;
}

import { KEY_PARTS, type Fingerprint } from "../engine/index.ts";
import { DIGEST_GROUP_BUCKETS, DIGEST_GROUPS } from "./messages/digest.ts";

const LOW_VALUES = 2 ** 32;

/** Fingerprints of many sessions, summed up by bucket (XOR): a change costs a few nanoseconds, however many there are. */
export class DigestTree {
  readonly #low = new Uint32Array(KEY_PARTS);
  readonly #high = new Uint32Array(KEY_PARTS);

  /** A session of this bucket changed; 0 stands for none. */
  change(bucket: number, before: Fingerprint, after: Fingerprint): void {
    this.#low[bucket] = (this.#low[bucket] ?? 0) ^ lowOf(before) ^ lowOf(after);
    this.#high[bucket] = (this.#high[bucket] ?? 0) ^ highOf(before) ^ highOf(after);
  }

  bucket(bucket: number): Fingerprint {
    return (this.#high[bucket] ?? 0) * LOW_VALUES + (this.#low[bucket] ?? 0);
  }

  group(group: number): Fingerprint {
    return this.#sum(group * DIGEST_GROUP_BUCKETS, (group + 1) * DIGEST_GROUP_BUCKETS);
  }

  root(): Fingerprint {
    return this.#sum(0, KEY_PARTS);
  }

  groups(): Fingerprint[] {
    return Array.from({ length: DIGEST_GROUPS }, (_, group) => this.group(group));
  }

  bucketsOf(group: number): Fingerprint[] {
    return Array.from({ length: DIGEST_GROUP_BUCKETS }, (_, index) => this.bucket(group * DIGEST_GROUP_BUCKETS + index));
  }

  #sum(from: number, to: number): Fingerprint {
    let low = 0;
    let high = 0;
    for (let bucket = from; bucket < to; bucket += 1) {
      low ^= this.#low[bucket] ?? 0;
      high ^= this.#high[bucket] ?? 0;
    }
    return high * LOW_VALUES + (low >>> 0);
  }
}

function lowOf(fingerprint: Fingerprint): number {
  // The low 32 bits, whatever stands above them (ECMA-262, ToInt32).
  return fingerprint | 0;
}

function highOf(fingerprint: Fingerprint): number {
  return Math.floor(fingerprint / LOW_VALUES);
}

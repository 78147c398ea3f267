import { keyToBytes } from "../../../src/engine/key-bytes.ts";
import { decodeFrame } from "../../../src/sync/messages/index.ts";
import type { Frame } from "../../../src/sync/messages/index.ts";
import { ProtocolError } from "../../../src/sync/protocol-error.ts";
import type { Corpus } from "../corpus.ts";
import { encodeFrame } from "../frame-encoders.ts";
import { hostileFrame } from "../hostile-frames.ts";
import { mutated } from "../mutation.ts";
import { Inconsistent, type Target } from "../target.ts";

type Decode = (bytes: Uint8Array) => Frame;

/** `decode`: another than the shipped one, to see that it is found. */
export function frameTarget(corpus: Corpus, decode: Decode = decodeFrame): Target {
  const kinds = [...corpus.frames.values()];
  const all = kinds.flat();
  const keys = corpus.histories.map(({ victim }) => keyToBytes(victim.envelope.key));
  let taken: Frame | undefined;
  return {
    name: "frame",
    input(dice) {
      if (dice.chance(0.45)) return hostileFrame(dice, keys);
      return mutated(dice, dice.pick(dice.pick(kinds)), all);
    },
    take(input) {
      taken = undefined;
      try {
        taken = decode(input);
        return true;
      } catch (error) {
        if (error instanceof ProtocolError && error.reason === "malformed") return false;
        throw error;
      }
    },
    check(input) {
      // Numbers, texts and flags have one spelling each, so a frame that was taken is what would be sent, to the byte.
      if (taken === undefined || Buffer.compare(encodeFrame(taken), input) === 0) return;
      throw new Inconsistent(`a ${taken.kind} frame was taken that nobody sends: written again it differs`);
    },
  };
}

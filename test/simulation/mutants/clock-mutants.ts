import { byTestsOf, edit, type SourceMutant } from "./mutant.ts";

const CLOCK = "src/engine/disciplined-clock.ts";
const CLOCK_TEST = "src/engine/disciplined-clock.test.ts";
const HYBRID = "src/engine/hybrid-clock.ts";
const HYBRID_TEST = "src/engine/hybrid-clock.test.ts";

/** What time it is. */
export const CLOCK_MUTANTS: readonly SourceMutant[] = [
  byTestsOf("K1", HYBRID_TEST, "the time goes back with the wall clock", [
    edit(HYBRID, "if (nowMs > this.#highestMs) this.#highestMs = nowMs;", "this.#highestMs = nowMs;"),
  ]),
  byTestsOf("K2", CLOCK_TEST, "of two votes in the middle the later counts", [
    edit(CLOCK, "Math.abs(presentMs - lower) <= Math.abs(upper - presentMs) ? lower : upper;", "presentMs < -Infinity ? lower : upper;"),
  ]),
  byTestsOf("K3", CLOCK_TEST, "what is less than a second is not steered but set", [
    edit(CLOCK, "state.offsetMs + within(SLEW * passedMs, state.targetMs - state.offsetMs);", "within(Infinity, state.targetMs);"),
  ]),
  byTestsOf("K4", HYBRID_TEST, "a wall clock that jumped is believed at once", [
    edit(CLOCK, "isJump ? monotonicMs + JUMP_BELIEVED_AFTER_MS : state.believedAtMs;", "isJump ? monotonicMs : state.believedAtMs;"),
  ]),
  byTestsOf("K6", HYBRID_TEST, "the first exchange sets no clock back", [edit(HYBRID, "      this.#highestMs = this.#notBeforeMs;\n", "")]),
  byTestsOf("K7", HYBRID_TEST, "a clock that is wrong is told of again and again", [
    edit(HYBRID, "if (isFaulty && !this.#isFaulty) this.#tellFault(aheadMs);", "if (isFaulty) this.#tellFault(aheadMs);"),
  ]),
  byTestsOf("K8", HYBRID_TEST, "a clock that peers showed to be wrong is believed once they are gone", [
    edit(
      CLOCK,
      "return toward(next, isKnownWrong ? ownMs - offMs : ownMs);",
      "return toward(next, isKnownWrong ? ownMs : ownMs - 0 * offMs);",
    ),
  ]),
  byTestsOf("K9", CLOCK_TEST, "a slow answer counts like any other", [
    edit(CLOCK, "if (!(rttMs >= 0 && rttMs <= RTT_MAX_MS) ||", "if (!(rttMs >= 0) ||"),
  ]),
  byTestsOf("K10", HYBRID_TEST, "two machines that agree wait for a third", [
    edit(
      HYBRID,
      "if (isAgreed || isSame || this.#votes.size > 1) this.#settle();",
      "if (isAgreed || (isSame && this.#votes.size > 1)) this.#settle();",
    ),
  ]),
];

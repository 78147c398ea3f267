import { beforeEach, describe, expect, it } from "vitest";
import { ManualRuntime } from "../../test/support/manual-runtime.ts";
import { keyNamed } from "../../test/support/set-replica.ts";
import { ByteReader } from "../engine/index.ts";
import { AckLedger } from "./ack-ledger.ts";
import { type Ack, decodeAck } from "./messages/ack.ts";

const [A, B] = [keyNamed("a"), keyNamed("b")];

describe("what a relay says that it has", () => {
  let runtime: ManualRuntime;
  let acks: Ack[];
  let ledger: AckLedger;

  beforeEach(() => {
    runtime = new ManualRuntime();
    acks = [];
    ledger = new AckLedger({
      runtime,
      isPrompt: false,
      isDurable: () => false,
      send: (frame) => acks.push(decodeAck(new ByteReader(frame.subarray(1)))),
    });
  });

  function flushed(): Pick<Ack, "number" | "missed">[] {
    runtime.advance(50);
    return acks.map(({ number, missed }) => ({ number, missed }));
  }

  it("[RP8] tells the sessions of which something was missed", () => {
    const [first, second] = [ledger.begin(), ledger.begin()];
    ledger.missed(first, A);
    ledger.done(second, B);
    expect(flushed()).toEqual([{ number: 2, missed: [A] }]);
  });

  it("[RP8] [RP9] tells none as missed whose later frame it took in: else its writer waits for ever (simulation, seed 1 with many ends)", () => {
    const [change, state] = [ledger.begin(), ledger.begin()];
    ledger.missed(change, A);
    ledger.done(state, A);
    expect(flushed()).toEqual([{ number: 2, missed: [] }]);
  });

  it("[RP8] tells one as missed whose later frame was missed, too, whatever came between, and in whatever order they were done", () => {
    const [first, second, third] = [ledger.begin(), ledger.begin(), ledger.begin()];
    ledger.missed(third, A);
    ledger.done(second, A);
    ledger.missed(first, A);
    expect(flushed()).toEqual([{ number: 3, missed: [A] }]);
  });
});

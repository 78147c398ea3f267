import { expect, it } from "vitest";
import { ManualRuntime } from "../../test/support/manual-runtime.ts";
import { AckWindow } from "./ack-window.ts";
import { Deliveries } from "./deliveries.ts";

const TIMEOUT_MS = 500;

it("[RP8] a delivery waits for what was sent again, also where that left before it was known that the first was missed", async () => {
  const runtime = new ManualRuntime();
  const [deliveries, window] = [new Deliveries<string>(runtime, TIMEOUT_MS), new AckWindow()];
  const tell = (id: string): void => deliveries.sent("relay", id, window.sent(id));
  const ack = (number: number, ...missed: string[]): void => {
    window.acked(number, new Set(missed));
    deliveries.acked("relay", number, new Set(missed), true, (id) => window.newest(id));
  };
  tell("a");
  const delivery = deliveries.wait("a", 1, [{ holder: "relay", number: window.newest("a"), durable: true }]);
  // The relay asked for the state, and got it, before its ack of the change.
  tell("a");
  ack(1, "a");
  ack(2);
  expect(await delivery).toEqual({ acks: 1, wanted: 1, durable: true });
});

it("[RP8] a delivery that was missed, and not sent again, says so at its deadline", async () => {
  const runtime = new ManualRuntime();
  const [deliveries, window] = [new Deliveries<string>(runtime, TIMEOUT_MS), new AckWindow()];
  deliveries.sent("relay", "a", window.sent("a"));
  const delivery = deliveries.wait("a", 1, [{ holder: "relay", number: window.newest("a"), durable: true }]);
  window.acked(1, new Set(["a"]));
  deliveries.acked("relay", 1, new Set(["a"]), true, (id) => window.newest(id));
  runtime.advance(TIMEOUT_MS);
  expect(await delivery).toEqual({ acks: 0, wanted: 1, durable: false });
});

import type { RaceHandlers } from "./race-handlers.ts";

/** A framework with sessions, as the races need it. Everything that answers HTTP and keeps sessions by a cookie can be put to them. */
export interface HttpAdapterUnderTest {
  /** For titles: "express", "koa-session". */
  readonly name: string;
  /**
   * Starts an application with sessions that hands every GET to `handlers.answer` and sends what that says. Attribute `visits` should count
   * (`RACE_ATTRIBUTES`). One that runs in a process of its own makes its own `new RaceHandlers()` there, and does without these. Called once
   * for each node: nodes of one deployment share their sessions by what the adapter does, such as a relay.
   */
  start(handlers: RaceHandlers): Promise<RaceNode>;
}

/** A running application. */
export interface RaceNode {
  /** Without a slash at the end. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

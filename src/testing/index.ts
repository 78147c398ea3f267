export { testSession } from "./test-session.ts";
export type { TestSession, TestSessionOptions, TestTarget } from "./test-session.ts";

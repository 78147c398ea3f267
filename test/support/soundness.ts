import { expect } from "vitest";
import { SessionDocument } from "../../src/engine/document.ts";
import { SessionError } from "../../src/engine/errors.ts";
import { plainOf } from "../../src/engine/view.ts";
import type { TestReplica } from "./replica.ts";

/** The result, or undefined when the input was refused as it should be; any other error is the test's. */
export function unlessCorrupt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof SessionError && error.code === "RECORD_CORRUPT") return undefined;
    throw error;
  }
}

/** Whatever was accepted must be a session like any other: it reads, is written on, stored, compacted and merged. */
export function expectSound(replica: TestReplica): void {
  replica.check();
  const { document } = replica;
  // What reading gives does not depend on how the document came to be.
  const reloaded = SessionDocument.load(replica.context, document.encode(), document.own);
  expect(plainOf(reloaded.root(0))).toEqual(plainOf(document.root(0)));
  replica.edit((data) => (data["probe"] = "written"));
  expect(replica.plain()).toMatchObject({ probe: "written" });
  replica.check();
  replica.compact();
  replica.check();
  expect(replica.plain()).toMatchObject({ probe: "written" });
}

export function expectUnpolluted(): void {
  expect(Object.keys(Object.prototype)).toEqual([]);
}

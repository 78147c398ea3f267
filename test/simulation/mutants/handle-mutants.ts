import { byTestsOf, edit, type SourceMutant } from "./mutant.ts";

const OBSERVERS = "src/engine/observers.ts";
const HANDLE_TEST = "src/engine/session-handle.test.ts";
const CLAIMS = "src/engine/claims.ts";
const CLAIMS_TEST = "src/engine/claims.test.ts";
const ACKNOWLEDGEMENT = "src/engine/acknowledgement.ts";
const ACKNOWLEDGEMENT_TEST = "src/engine/acknowledgement.test.ts";
const SEEN = "src/engine/seen.ts";
const SEEN_TEST = "src/engine/seen.test.ts";

/** What applications hold of a session outside of requests, what they hear and claim, and what a response waits for. */
export const HANDLE_MUTANTS: readonly SourceMutant[] = [
  byTestsOf("H1", HANDLE_TEST, "a change that throws is written as far as it came", [
    edit(
      "src/engine/session-handle.ts",
      "    await change(draftOf(session));\n",
      "    await Promise.resolve(change(draftOf(session))).finally(() => session.commit());\n",
    ),
  ]),
  byTestsOf("H2", HANDLE_TEST, "observers hear of what is written here alone", [
    edit(OBSERVERS, "if (names.length > 0) this.#tell(", 'if (names.length > 0 && origin === "local") this.#tell('),
  ]),
  byTestsOf("H3", HANDLE_TEST, "observers hear nothing of an end", [
    edit(
      OBSERVERS,
      'for (const listener of listeners) this.#queue.push(() => calmly(() => listener({ type: "ended", reason })));',
      "void [listeners, reason];",
    ),
  ]),
  byTestsOf("H4", HANDLE_TEST, "reading a session is a use of it", [
    edit(
      "src/engine/session-handle.ts",
      "    const view = this.#view();\n    const local = ",
      "    const view = this.#view();\n    this.touch();\n    const local = ",
    ),
  ]),
  byTestsOf("N1", "src/engine/event-hub.test.ts", "an attribute that was removed is told as replaced", [
    edit(
      OBSERVERS,
      'this.#events.emit({ type: "attribute", key: live.key, change, name, origin });',
      'this.#events.emit({ type: "attribute", key: live.key, change: change === "removed" ? "replaced" : change, name, origin });',
    ),
  ]),
  byTestsOf("N3", "src/engine/event-hub.test.ts", "a value that the writer had seen counts as discarded", [
    edit(
      "src/engine/conflicts.ts",
      " || isSameWrite(held, cell) || saw(containerId, held)) continue;",
      " || isSameWrite(held, cell)) continue;",
    ),
  ]),
  byTestsOf("N4", "src/engine/event-hub.test.ts", "ends are counted without their reason", [
    edit("src/engine/event-hub.ts", '    if (event.type === "ended") this.#count(event.reason);\n', ""),
  ]),
  byTestsOf("C1", CLAIMS_TEST, "a claim is granted here, without asking", [edit(CLAIMS, "      return answer;\n", "      return true;\n")]),
  byTestsOf("C2", CLAIMS_TEST, "a job that others wait for is begun again", [edit(CLAIMS, "    this.#runs.set(place, mine);\n", "")]),
  byTestsOf("C3", CLAIMS_TEST, "what nobody could grant counts as refused", [
    edit(CLAIMS, '      if (answer === "expired") throw this.#untaken();\n      return answer;', "      return answer === true;"),
    edit(
      CLAIMS,
      "const asking = this.#grantor().claim(firstKey, `claim ${token}`, this.#clock.nowMs(), untilMs, firstCreatedAtMs);",
      "const asking = this.#grantor().claim(firstKey, `claim ${token}`, this.#clock.nowMs(), untilMs, firstCreatedAtMs).catch(() => false);",
    ),
  ]),
  byTestsOf("AK1", ACKNOWLEDGEMENT_TEST, "a response waits for one holder, however many are wanted", [
    edit(
      ACKNOWLEDGEMENT,
      "const delivery = await sync.delivered(key, sync.acks);",
      "const delivery = await sync.delivered(key, Math.min(sync.acks, 1));",
    ),
  ]),
  byTestsOf("AK2", ACKNOWLEDGEMENT_TEST, "too few acks are told to nobody", [
    edit(ACKNOWLEDGEMENT, "if (delivery.acks >= sync.acks) return delivery;", "if (delivery.acks >= 0) return delivery;"),
  ]),
  byTestsOf("RW1", SEEN_TEST, "holders are not asked for what a browser has seen", [
    edit(SEEN, '(answer.kind === "found" ? registry.receive(behind.key, answer.record) : undefined)', "void (answer.kind && registry)"),
  ]),
  byTestsOf("RW2", SEEN_TEST, "what could not be had in time is not told", [
    edit(SEEN, 'if (isBehind) this.#host.events.emit({ type: "lost-write", key: reached.key });', ""),
  ]),
  byTestsOf("RW3", SEEN_TEST, "a handle names no commit of its own", [
    edit("src/engine/open-session.ts", "    this.#written = [change.writer, change.stamp];\n", ""),
  ]),
  byTestsOf("RW4", SEEN_TEST, "alone one waits, too", [
    edit(
      SEEN,
      "    if (sync === undefined) return behind;\n",
      "    if (sync === undefined) await new Promise<void>((resolve) => runtime.setTimer(SEEN_TIMEOUT_MS, resolve));\n    if (sync === undefined) return behind;\n",
    ),
  ]),
  byTestsOf("E17", SEEN_TEST, "a use that a browser tells of does not count", [
    edit(SEEN, "else live.takeTouch(touchedAtMs, false);", "else void touchedAtMs;"),
  ]),
];

import fc from "fast-check";
import { expect, test } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { SessionError } from "../../src/engine/errors.ts";
import type { SessionKey } from "../../src/engine/record.ts";
import type { OpenSession } from "../../src/engine/session-engine.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { attributesOf } from "../support/engine-network.ts";
import { fewerRuns } from "../support/fewer-runs.ts";
import { ManualRuntime, settle } from "../support/manual-runtime.ts";
import { TroubledStore } from "../support/troubled-store.ts";
import { MODEL_ABSOLUTE_MS, MODEL_IDLE_MS, SessionModel } from "./model/session-model.ts";

const SUBJECTS = ["ann", "bob"] as const;
const GRACE_MS = 4_000;

/** The engine as applications use it, with so little room that sessions are sent to rest all the time. */
class Real {
  readonly runtime = new ManualRuntime();
  readonly engine: Engine;
  /** By the numbers of the model. */
  readonly keys: SessionKey[] = [];

  constructor(isDurable: boolean) {
    this.engine = new Engine(
      {
        idleTimeoutMs: MODEL_IDLE_MS,
        absoluteTimeoutMs: MODEL_ABSOLUTE_MS,
        limits: { hotCount: 2 },
        ...(isDurable ? { store: new TroubledStore(true) } : {}),
      },
      this.runtime,
      (context) => new MemoryStore(context),
    );
  }

  key(index: number): SessionKey {
    return this.keys[index] ?? "";
  }

  async open(index: number): Promise<OpenSession | undefined> {
    const opened = await this.engine.checkOut(this.key(index));
    return opened.kind === "alive" ? opened.session : undefined;
  }

  begin(draft: OpenSession): void {
    draft.identify(this.engine.issueId());
    draft.commit({ evenIfEmpty: true });
    this.keys.push(draft.key ?? "");
  }
}

type Run = (model: SessionModel, real: Real) => Promise<void>;

/** One call of the API. `text` says it in the report of a failure; sessions are named by a number modulo how many there are. */
function command(text: string, run: Run, needsSession = true): fc.AsyncCommand<SessionModel, Real> {
  return {
    check: (model) => !needsSession || model.sessions.length > 0,
    run: async (model, real) => {
      await run(model, real);
      await settle();
    },
    toString: () => text,
  };
}

function mustBe(actual: unknown, expected: unknown): void {
  expect(actual).toEqual(expected);
}

const at = fc.nat(5);
const name = fc.constantFrom("a", "b", "c");
const token = fc.constantFrom("ticket", "form");
const subject = fc.option(fc.constantFrom(...SUBJECTS), { nil: undefined });
const indexOf = (model: SessionModel, number: number): number => number % model.sessions.length;

/** The session that a request gets, which must be the model's; undefined where both say that it is over. */
async function openBoth(
  model: SessionModel,
  real: Real,
  number: number,
): Promise<{ readonly index: number; readonly session: OpenSession } | undefined> {
  const asked = indexOf(model, number);
  const index = model.current(asked);
  const session = await real.open(asked);
  expect(session?.key).toBe(index === undefined ? undefined : real.key(index));
  return index === undefined || session === undefined ? undefined : { index, session };
}

const commands = [
  fc.record({ name, value: fc.nat(9), subject }).map((birth) =>
    command(
      `create(${birth.name}=${birth.value}, ${birth.subject})`,
      async (model, real) => {
        const draft = real.engine.draft();
        draft.set(birth.name, birth.value);
        draft.setSubject(birth.subject);
        real.begin(draft);
        model.create([[birth.name, birth.value]], birth.subject);
      },
      false,
    ),
  ),
  at.map((number) =>
    command(`read(${number})`, async (model, real) => {
      const both = await openBoth(model, real, number);
      if (both !== undefined) mustBe(attributesOf(both.session), Object.fromEntries(model.get(both.index).data));
    }),
  ),
  fc.record({ at, name, value: fc.option(fc.nat(9), { nil: undefined }) }).map((edit) =>
    command(`write(${edit.at}, ${edit.name}=${edit.value})`, async (model, real) => {
      const both = await openBoth(model, real, edit.at);
      if (both === undefined) return;
      const { data } = model.get(both.index);
      if (edit.value === undefined) both.session.delete(edit.name);
      else both.session.set(edit.name, edit.value);
      mustBe(both.session.commit(), data.get(edit.name) === edit.value ? "unchanged" : "committed");
      if (edit.value === undefined) data.delete(edit.name);
      else data.set(edit.name, edit.value);
    }),
  ),
  at.map((number) =>
    command(`touch(${number})`, async (model, real) => {
      const both = await openBoth(model, real, number);
      both?.session.touch();
      if (both !== undefined) model.get(both.index).touchedAtMs = model.nowMs;
    }),
  ),
  fc.record({ at, subject }).map((given) =>
    command(`setSubject(${given.at}, ${given.subject})`, async (model, real) => {
      const both = await openBoth(model, real, given.at);
      both?.session.setSubject(given.subject);
      both?.session.commit();
      if (both !== undefined) model.get(both.index).subject = given.subject;
    }),
  ),
  fc.record({ at, hasGrace: fc.boolean() }).map((rotation) =>
    command(`regenerate(${rotation.at}, ${rotation.hasGrace})`, async (model, real) => {
      const both = await openBoth(model, real, rotation.at);
      if (both === undefined) return;
      const old = model.get(both.index);
      const draft = real.engine.draft({ from: both.session });
      real.begin(draft);
      const next = model.create(old.data, old.subject, old.claims);
      if (rotation.hasGrace) {
        both.session.setSuccessor(real.key(next), GRACE_MS);
        old.successor = { index: next, untilMs: model.nowMs + GRACE_MS };
      } else {
        await real.engine.rotate(real.key(both.index), real.key(next));
        old.isOver = true;
      }
    }),
  ),
  at.map((number) =>
    command(`destroy(${number})`, async (model, real) => {
      const index = indexOf(model, number);
      await real.engine.end(real.key(index));
      model.get(index).isOver = true;
    }),
  ),
  fc.record({ subject: fc.constantFrom(...SUBJECTS), except: fc.option(at, { nil: undefined }) }).map((revoked) =>
    command(
      `revoke(${revoked.subject}, except ${revoked.except})`,
      async (model, real) => {
        const named = revoked.except === undefined || model.sessions.length === 0 ? undefined : indexOf(model, revoked.except);
        const kept = named === undefined ? undefined : model.current(named);
        await real.engine.revokeAll(revoked.subject, named === undefined || kept === undefined ? {} : { except: real.key(named) });
        for (const [index, session] of model.sessions.entries())
          if (session.subject === revoked.subject && index !== kept) session.isOver = true;
      },
      false,
    ),
  ),
  fc.record({ at, token }).map((claimed) =>
    command(`claim(${claimed.at}, ${claimed.token})`, async (model, real) => {
      const index = indexOf(model, claimed.at);
      const current = model.current(index);
      const claiming = real.engine.claim(real.key(index), claimed.token);
      if (current === undefined) {
        const code = await claiming.then(
          () => "none",
          (error: unknown) => (error instanceof SessionError ? error.code : String(error)),
        );
        return mustBe(code, "SESSION_ENDED");
      }
      const { claims } = model.get(current);
      mustBe(await claiming, !claims.has(claimed.token));
      claims.add(claimed.token);
    }),
  ),
  subject.map((only) =>
    command(
      `list(${only})`,
      async (model, real) => {
        const keys: SessionKey[] = [];
        for await (const { key } of real.engine.sessions(only === undefined ? {} : { subject: only })) keys.push(key);
        const living = model.living(only).map((index) => real.key(index));
        mustBe(keys.toSorted(), living.toSorted());
        if (only === undefined) mustBe(await real.engine.count(), keys.length);
      },
      false,
    ),
  ),
  fc.constantFrom(1, 300, 2_000, GRACE_MS, MODEL_IDLE_MS - 1, MODEL_IDLE_MS, MODEL_ABSOLUTE_MS).map((ms) =>
    command(
      `wait(${ms})`,
      async (model, real) => {
        model.nowMs += ms;
        real.runtime.advance(ms);
      },
      false,
    ),
  ),
];

test("[E2] [E5] [E8] [E11] [E12] [E14] [R6] whatever is asked of an engine, and whenever: it is always what the plain model of sessions says", async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.commands(commands, { maxCommands: 60, size: "max" }), async (isDurable, calls) => {
      const setup = (): { model: SessionModel; real: Real } => ({ model: new SessionModel(), real: new Real(isDurable) });
      await fc.asyncModelRun(setup, calls);
    }),
    fewerRuns(2),
  );
});

import { SessionError, type SessionErrorCode } from "../../src/engine/errors.ts";
import type { CheckOut, OpenSession, SessionEngine } from "../../src/engine/session-engine.ts";
import { ageOf } from "../../src/engine/session-id.ts";
import type { Browser } from "./browser.ts";
import { holdsWrite } from "./checkers.ts";
import { committed, judgeContent, judgeGrowth, plainIn, writeContent } from "./content.ts";
import type { Dice } from "./dice.ts";
import { type EndNote, GIVEN_SLACK_MS, type History, type Mark, type SessionNote } from "./history.ts";
import { ProcessDied } from "./machine.ts";
import { ListenerFailed, type NodeProcess, type Running } from "./members.ts";
import type { World } from "./world.ts";

/** What a request may be told while something is broken; and what, when nothing is. */
const TROUBLE: ReadonlySet<SessionErrorCode> = new Set([
  "SESSION_UNAVAILABLE",
  "ACKS_MISSING",
  "STORE_UNAVAILABLE",
  "CLAIM_UNAVAILABLE",
  "ENGINE_CLOSED",
]);
const ORDINARY: ReadonlySet<SessionErrorCode> = new Set(["SESSION_ENDED", "SESSION_ROTATED"]);

/** Clocks, touches that wait for company, and the wait for an answer: so exact is the end of an idle session known. */
const IDLE_SLACK_MS = 10_000;
const SUBJECTS = ["ada", "grace", "edsger"];
const LEASE_MS = 5_000;

interface Run {
  readonly running: Running;
  readonly atMs: number;
}

/** What a request asks of the engine of a node, and how what it is told is judged. */
export class EngineRequests {
  readonly world: World;
  readonly history: History;
  /** Nothing is broken: every request must be served. */
  isCalm = false;
  /** Requests that were not answered yet. */
  readonly pending = new Set<string>();
  readonly #dice: Dice;
  readonly #granted = new Map<string, number>();
  readonly #runs = new Map<string, Run>();

  /** `dice`: for what no number of a request stands behind. */
  constructor(world: World, history: History, dice: Dice) {
    this.world = world;
    this.history = history;
    this.#dice = dice;
  }

  create(browser: Browser, node: NodeProcess, dice = this.#dice): Promise<void> {
    return this.#serve(node, "create", undefined, async (running) => {
      const { engine } = running;
      const session = engine.draft();
      const id = engine.issueId();
      const note = this.history.begin(id, engine.keyOf(id));
      session.identify(id);
      const isBrief = dice.chance(this.world.options.briefShare ?? 0.1);
      if (isBrief) {
        note.idleTimeoutMs = 20_000;
        session.setIdleTimeout(note.idleTimeoutMs);
      }
      const mark = this.history.mark(note, node);
      if (!(await this.#write(running, session, mark))) return;
      browser.take(note);
      browser.told(session, mark);
    });
  }

  write(browser: Browser, node: NodeProcess, note: SessionNote, dice = this.#dice): Promise<void> {
    return this.#serve(node, "write", note, async (running) => {
      const session = await this.#open(running, browser, note, dice);
      if (session === undefined) return;
      // The handler takes its time, and others write meanwhile.
      if (dice.chance(0.5)) await this.#think(running, dice);
      const written = this.history.sessions.get(session.key ?? "") ?? note;
      const mark = this.history.mark(written, node);
      if (await this.#write(running, session, mark)) browser.told(session, mark);
    });
  }

  read(browser: Browser, node: NodeProcess, note: SessionNote, dice = this.#dice): Promise<void> {
    return this.#serve(node, "read", note, async (running) => {
      const session = await this.#open(running, browser, note, dice);
      if (session !== undefined) browser.told(session, undefined);
    });
  }

  end(browser: Browser, node: NodeProcess, note: SessionNote): Promise<void> {
    return this.#serve(node, "end", note, async (running) => {
      const end: EndNote = { reason: "destroyed", member: node, life: running.life, atMs: this.history.nowMs, delivery: undefined };
      note.ends.push(end);
      this.history.tally.operations += 1;
      const delivery = await running.engine.end(note.key);
      this.#checkAlive(running);
      end.delivery = delivery;
      note.saidOver.add(running.life);
      this.history.tally.ends += 1;
      this.history.trace(`${node.name} ended ${note.key} acks=${delivery.acks}`);
      if (browser.note === note) browser.forget();
    });
  }

  /** A new id and an empty session: what a login does. */
  regenerate(browser: Browser, node: NodeProcess, note: SessionNote, dice = this.#dice): Promise<void> {
    return this.#serve(node, "regenerate", note, async (running) => {
      const before = await this.#open(running, browser, note, dice);
      if (before?.key === undefined) return;
      const { engine } = running;
      const id = engine.issueId();
      const next = this.history.begin(id, engine.keyOf(id));
      const session = engine.draft();
      session.identify(id);
      const mark = this.history.mark(next, node);
      if (!(await this.#write(running, session, mark))) return;
      const old = this.history.sessions.get(before.key) ?? note;
      const end: EndNote = { reason: "rotated", member: node, life: running.life, atMs: this.history.nowMs, delivery: undefined };
      old.ends.push(end);
      this.history.tally.operations += 1;
      const delivery = await engine.rotate(before.key, next.key);
      this.#checkAlive(running);
      end.delivery = delivery;
      old.saidOver.add(running.life);
      this.history.tally.rotations += 1;
      browser.take(next);
      browser.told(session, mark);
    });
  }

  /** A new id with all its data: requests for the old one are the new one's for a while. */
  rotate(browser: Browser, node: NodeProcess, note: SessionNote, dice = this.#dice): Promise<void> {
    return this.#serve(node, "rotate", note, async (running) => {
      const before = await this.#open(running, browser, note, dice);
      if (before?.key === undefined || before.verdict() !== "alive") return;
      const old = this.history.sessions.get(before.key) ?? note;
      const { engine } = running;
      const id = engine.issueId();
      const session = engine.draft({ from: before });
      session.identify(id);
      const inherited = marksOf(session) as ReadonlySet<number>;
      const next = this.history.begin(id, engine.keyOf(id), {
        inherited,
        firstKey: old.firstKey,
        idleTimeoutMs: old.idleTimeoutMs,
        subject: old.subject,
      });
      const mark = this.history.mark(next, node);
      if (!(await this.#write(running, session, mark))) return;
      // From here on the old one may be over once its grace is.
      old.successor = next.key;
      this.history.trace(`${node.name} rotates ${before.key} to ${next.key}`);
      this.history.tally.operations += 1;
      before.setSuccessor(next.key, dice.pick([500, 3_000, 60_000]));
      await before.persisted();
      this.#checkAlive(running);
      this.history.tally.rotations += 1;
      browser.take(next);
      browser.told(session, mark);
    });
  }

  login(browser: Browser, node: NodeProcess, note: SessionNote, dice = this.#dice): Promise<void> {
    return this.#serve(node, "login", note, async (running) => {
      const session = await this.#open(running, browser, note, dice);
      if (session === undefined) return;
      const subject = dice.pick(SUBJECTS);
      const written = this.history.sessions.get(session.key ?? "") ?? note;
      const [beforeMs, atMs] = [written.givenAtMs, this.history.nowMs];
      const turn = (written.logins += 1);
      // Until it is told, and where two are at the same time, nobody outside knows whose it is.
      written.subject = undefined;
      written.givenAtMs = atMs;
      session.setSubject(subject);
      const mark = this.history.mark(written, node);
      if (!(await this.#write(running, session, mark))) return;
      // What no relay was told may be lost with its node.
      const isKept = (mark.delivery?.acks ?? 0) > 0;
      if (isKept && written.logins === turn && atMs - beforeMs > GIVEN_SLACK_MS) written.subject = subject;
      this.history.trace(`${node.name} gave ${written.key} to ${subject}`);
      written.givenAtMs = this.history.nowMs;
      browser.told(session, mark);
    });
  }

  revoke(browser: Browser, node: NodeProcess, note: SessionNote, dice = this.#dice): Promise<void> {
    return this.#serve(node, "revoke", note, async (running) => {
      const subject = note.subject ?? dice.pick(SUBJECTS);
      const except = note.subject === undefined || dice.chance(0.5) ? undefined : note.key;
      // Who logs in at the same time may be meant, too.
      this.history.revocations.push({ atMs: this.history.nowMs, except });
      const others = [...this.history.sessions.values()].filter(({ key }) => key !== except);
      const meant = others.filter((other) => other.subject === subject);
      const atMs = this.history.nowMs;
      this.history.trace(`${node.name} revokes ${subject}`);
      this.history.tally.operations += 1;
      await running.engine.revokeAll(subject, except === undefined ? {} : { except });
      this.#checkAlive(running);
      this.history.tally.revocations += 1;
      const delivery = { acks: 0, wanted: 0, durable: false };
      for (const other of meant) other.ends.push({ reason: "revoked", member: node, life: running.life, atMs, delivery });
      if (except === undefined && browser.note === note) browser.forget();
    });
  }

  claim(node: NodeProcess, note: SessionNote, token: string): Promise<boolean | undefined> {
    let granted: boolean | undefined;
    return this.#serve(node, "claim", note, async (running) => {
      this.history.tally.operations += 1;
      granted = await running.engine.claim(note.key, token);
      this.#checkAlive(running);
      this.history.tally.claims += 1;
      if (!granted) return;
      this.history.tally.granted += 1;
      const place = `${note.firstKey} ${token}`;
      const count = (this.#granted.get(place) ?? 0) + 1;
      this.#granted.set(place, count);
      this.history.expect("C1", count === 1, () => `a claim was granted ${count} times`);
    }).then(() => granted);
  }

  once(node: NodeProcess, note: SessionNote, dice = this.#dice): Promise<void> {
    const place = note.firstKey;
    return this.#serve(node, "once", note, async (running) => {
      this.history.tally.operations += 1;
      await running.engine.once(
        note.key,
        "job",
        async () => {
          const other = this.#runs.get(place);
          const nowMs = this.history.nowMs;
          const isFree = other === undefined || !other.running.life.isAlive || nowMs - other.atMs > LEASE_MS * 0.99;
          this.history.expect("C2", isFree, () => "two runs of one job overlap");
          const mine = { running, atMs: nowMs };
          this.#runs.set(place, mine);
          await running.life.pause(dice.between(1, 400));
          if (this.#runs.get(place) === mine) this.#runs.delete(place);
          this.history.tally.runs += 1;
        },
        { leaseMs: LEASE_MS, waitMs: 2_000 },
      );
    });
  }

  /** The session as a request finds it; judged by what its browser knows. */
  async #open(running: Running, browser: Browser, note: SessionNote, dice: Dice): Promise<OpenSession | undefined> {
    const engine: SessionEngine = running.engine;
    const { seen, known } = browser.note === note ? browser : { seen: undefined, known: [] };
    note.maybeUsedAtMs = this.history.nowMs;
    this.history.tally.operations += 1;
    const hot = dice.chance(0.5) ? engine.checkOutHot(note.key, seen) : undefined;
    const out: CheckOut =
      hot !== undefined
        ? { kind: "alive", session: hot, follows: false, isBehind: false }
        : await engine.checkOut(note.key, { seen, bornAtMs: ageOf(note.id)?.bornAtMs });
    this.#checkAlive(running);
    this.#judge(running, note, out);
    if (out.kind !== "alive") {
      if (browser.note === note) browser.forget();
      return undefined;
    }
    const marks = marksOf(out.session);
    const plain = plainIn(out.session);
    const where = `${running.life.machine.name} ${out.session.key}`;
    judgeContent(this.history, where, plain);
    judgeGrowth(this.history, running.life, out.session.key ?? note.key, where, plain);
    if (out.isBehind) {
      this.history.tally.behind += 1;
      const isThere = this.isCalm && known.length > 0 && known.every((mark) => this.history.mustSurvive(mark, this.world.relays.length));
      this.history.expect("RW6", !isThere, () => `${where} is behind what its browser saw, though nothing is broken`);
      browser.giveUp();
    } else {
      const missing = known.filter((mark) => !out.follows && mark.note.key === out.session.key && !marks.has(mark.id));
      this.history.expect(
        "RW1",
        missing.length === 0,
        () => `${running.life.machine.name} shows a browser a session without ${names(missing)} that it was told of`,
      );
    }
    out.session.touch();
    note.usedAtMs = this.history.nowMs;
    return out.session;
  }

  #judge(running: Running, note: SessionNote, out: CheckOut): void {
    const { history, world } = this;
    const relays = world.relays.length;
    const where = `${running.life.machine.name} ${note.key}`;
    history.trace(`${where} is ${out.kind}${out.kind === "alive" ? ` ${[...marksOf(out.session)].join(",")}` : ""}`);
    switch (out.kind) {
      case "alive": {
        if (out.follows) return;
        history.expect("E8", !note.saidOver.has(running.life), () => `${where} reads alive in a process that said that it is over`);
        const isOver = (note.overSinceMs !== undefined || this.isCalm) && history.mustBeOver(note, relays);
        history.expect("E8", !isOver, () => `${where} is over for everybody, and reads alive`);
        const isPast = history.nowMs > note.maybeUsedAtMs + note.idleTimeoutMs + IDLE_SLACK_MS;
        history.expect("E5", !isPast, () => `${where} reads alive after its idle timeout`);
        return;
      }
      case "ended": {
        note.saidOver.add(running.life);
        const law = out.reason === "expired" ? "E9" : "E6";
        history.expect(law, history.mayBeOver(note, IDLE_SLACK_MS), () => `${where} is over (${out.reason}), and nobody ended it`);
        return;
      }
      case "absent": {
        const isKnown = this.isCalm ? history.mustBeKnown(note, relays) : history.mustNotBeAbsent(note, relays);
        history.expect("R4", !isKnown || history.mayBeOver(note, IDLE_SLACK_MS), () => `${where} is said not to exist`);
      }
    }
  }

  /** One commit that leaves its number everywhere. True when the browser was told that it is done. */
  async #write(running: Running, session: OpenSession, mark: Mark): Promise<boolean> {
    const { id } = mark;
    writeContent(session, mark);
    this.history.tally.operations += 1;
    const result = session.commit();
    if (result === "committed" && session.written !== undefined) committed(this.history, mark, session.written, running.life);
    this.#checkAlive(running);
    if (result !== "committed") {
      mark.status = "discarded";
      return false;
    }
    this.history.trace(`${running.life.machine.name} wrote ${id} to ${session.key}`);
    try {
      mark.delivery = await session.persisted();
      this.#checkAlive(running);
    } catch (error) {
      mark.status = "unknown";
      throw error;
    }
    mark.status = "told";
    this.history.tally.told += 1;
    const { acks } = mark.delivery;
    if (acks === 0) return true;
    this.history.tally.acked += 1;
    const holders = this.world.relays.filter(
      (relay) => this.history.isLostSince(relay, mark.atMs) || holdsWrite(this.world, relay, mark),
    ).length;
    this.history.expect("RP8", holders >= acks, () => `write ${id} was acknowledged by ${acks} relays, and ${holders} have it`);
    return true;
  }

  async #serve(node: NodeProcess, kind: string, note: SessionNote | undefined, handle: (running: Running) => Promise<void>): Promise<void> {
    const { running } = node;
    if (running === undefined) return;
    this.history.tally.requests += 1;
    const request = `${node.name} ${kind} since ${this.history.nowMs.toFixed(0)} ms`;
    this.pending.add(request);
    try {
      const handled = handle(running);
      handled.catch(() => undefined);
      await Promise.race([handled, running.life.died]);
    } catch (error) {
      if (error instanceof ProcessDied || !running.life.isAlive) return;
      if (
        !this.history.expect(
          "N2",
          !(error instanceof ListenerFailed),
          () => `${node.name} ${kind}: a listener threw, and the request failed`,
        )
      )
        return;
      const code = error instanceof SessionError ? error.code : undefined;
      if (code !== undefined && ORDINARY.has(code)) return;
      // What nobody has any more may be asked for in vain: whoever lost it could have known it.
      const isIdle = note !== undefined && this.history.nowMs > note.usedAtMs + note.idleTimeoutMs - IDLE_SLACK_MS;
      const isLost = isIdle || (note !== undefined && !this.history.mustBeKnown(note, this.world.relays.length));
      // A claim is judged by whether anybody had it.
      const isExcused = code !== undefined && TROUBLE.has(code) && (!this.isCalm || isLost || kind === "claim");
      this.history.tally.unavailable += 1;
      this.history.trace(`${node.name} ${kind}: ${code ?? "failure"}`);
      this.history.expect(
        "RP3",
        isExcused,
        () => `${node.name} could not serve ${kind}: ${String(error instanceof Error ? (error.stack ?? error.message) : error)}`,
      );
    } finally {
      this.pending.delete(request);
    }
  }

  #think(running: Running, dice: Dice): Promise<void> {
    return Promise.race([running.life.pause(dice.between(1, 300)), running.life.died]);
  }

  #checkAlive(running: Running): void {
    if (!running.life.isAlive) throw new ProcessDied();
  }
}

function marksOf(session: OpenSession): ReadonlySet<unknown> {
  const marks = session.get("marks");
  return marks instanceof Set ? marks : new Set();
}

function names(marks: readonly Mark[]): string {
  return marks.map(({ id, member }) => `write ${id} (${member.name})`).join(", ");
}

import type { RequestSession, SessionObject } from "../../src/adapters/http/index.ts";
import { judgeContent, writeContent } from "./content.ts";
import type { Dice } from "./dice.ts";
import type { EndNote, History, Mark, SessionNote } from "./history.ts";
import { HttpBrowser } from "./http-browser.ts";
import { type Answer, serve } from "./http-service.ts";
import { ProcessDied } from "./machine.ts";
import type { NodeProcess, Running } from "./members.ts";
import type { World } from "./world.ts";

/** What a page asks for. */
export type PageKind = "view" | "write" | "login" | "renew" | "logout";

const PAGE_KINDS = { view: 5, write: 8, login: 1, renew: 1, logout: 1 } as const;
/** So many requests does a page make at most, at about the same time. */
const BURST_MAX = 4;
const IDLE_SLACK_MS = 10_000;
/** What a request may be answered while something is broken (503); and at any time, where another request changed the id (409). */
const TROUBLE = 503;
const CONFLICT = 409;
const NO_DELIVERY = { acks: 0, wanted: 0, durable: false };

interface Request {
  readonly browser: HttpBrowser;
  readonly node: NodeProcess;
  readonly running: Running;
  readonly kind: PageKind;
  readonly thinkMs: number;
  /** When it was sent: what its browser had seen, and the session that its cookie was of. */
  readonly shown: readonly Mark[];
  readonly note: SessionNote | undefined;
}

/** Browsers with cookie jars, whose pages send requests at the same time to whatever node, and get their responses in whatever order. */
export class HttpWorkload {
  readonly world: World;
  readonly history: History;
  readonly browsers: readonly HttpBrowser[];
  /** Nothing is broken: every request must be served. */
  isCalm = false;

  constructor(world: World, history: History, browserCount: number) {
    this.world = world;
    this.history = history;
    this.browsers = Array.from({ length: browserCount }, (_, index) => new HttpBrowser(`page${index + 1}`));
  }

  /** One page of one browser. Resolves when each of its requests was answered. */
  async page(dice: Dice, tell: (text: string) => void): Promise<void> {
    const browser = dice.pick(this.browsers);
    const requests = Array.from({ length: dice.whole(1, BURST_MAX) }, (_, index) => dice.for(`of page ${index}`));
    const kinds = requests.map((each) => each.weighted<PageKind>({ ...PAGE_KINDS }));
    tell(`${browser.name} ${kinds.join(", ")}`);
    await Promise.all(
      requests.map(async (each, index) => {
        await this.world.timeline.pause(each.between(0, 150));
        const nodes = this.world.nodes.filter(({ isServing, declaresAll }) => isServing && declaresAll);
        if (nodes.length > 0) await this.request(browser, each.pick(nodes), kinds[index] ?? "view", each);
      }),
    );
  }

  async request(browser: HttpBrowser, node: NodeProcess, kind: PageKind, dice: Dice): Promise<void> {
    const { timeline } = this.world;
    const { history } = this;
    const note = browser.key === undefined ? undefined : history.sessions.get(browser.key);
    const shown = browser.shown;
    const cookieHeader = browser.cookieHeader(history.nowMs);
    const [upMs, thinkMs, downMs] = [dice.between(1, 60), dice.chance(0.5) ? dice.between(1, 300) : 0, dice.between(1, 400)];
    await timeline.pause(upMs);
    const { running } = node;
    if (running === undefined || !node.isServing) return;
    history.tally.requests += 1;
    const request: Request = { browser, node, running, kind, thinkMs, shown, note };
    let marks: readonly Mark[] = [];
    let written: Mark | undefined;
    const handle = async (session: RequestSession): Promise<void> => {
      const said = await this.#handle(request, session);
      written = said.written;
      marks = said.marks;
    };
    const onHeaders = (answer: Answer): void => this.#judgeCookie(request, answer);
    let answer: Answer;
    try {
      answer = await Promise.race([serve(running, cookieHeader, handle, onHeaders), running.life.died]);
    } catch (error) {
      if (error instanceof ProcessDied || !running.life.isAlive) return;
      throw error;
    }
    this.#judgeAnswer(request, answer);
    const isDone = answer.status < CONFLICT;
    if (written !== undefined) this.#settle(written, isDone);
    await timeline.pause(downMs);
    const told = written === undefined || !isDone ? marks : [...marks, written];
    browser.receive(answer, told, history.nowMs);
    history.trace(
      `${browser.name} got ${answer.status} ${answer.code ?? ""} for ${kind} of ${node.name}, ${answer.setCookies.length} cookies`,
    );
  }

  /** What the application does. */
  async #handle(
    request: Request,
    requestSession: RequestSession,
  ): Promise<{ readonly marks: readonly Mark[]; readonly written: Mark | undefined }> {
    const { history } = this;
    const { kind, running, node, thinkMs } = request;
    history.tally.operations += 1;
    const session = requestSession.session as SessionObject;
    const marks = this.#judgeSession(request, session);
    if (thinkMs > 0) await running.life.pause(thinkMs);
    if (kind === "view") return { marks, written: undefined };
    history.tally.operations += 1;
    if (kind === "write" || marks.length === 0) return { marks, written: this.#write(node, session) };
    const old = history.sessions.get(session.key);
    if (old === undefined) return { marks, written: undefined };
    const end: EndNote = {
      reason: kind === "logout" ? "destroyed" : "rotated",
      member: node,
      life: running.life,
      atMs: history.nowMs,
      delivery: undefined,
    };
    if (kind === "renew") return { marks, written: await this.#renew(old, requestSession, node) };
    old.ends.push(end);
    if (kind === "logout") {
      await session.destroy();
      history.tally.ends += 1;
    } else await session.regenerate();
    if (!running.life.isAlive) throw new ProcessDied();
    end.delivery = NO_DELIVERY;
    old.saidOver.add(running.life);
    if (kind === "logout") return { marks, written: undefined };
    history.tally.rotations += 1;
    return { marks: [], written: this.#write(node, requestSession.session as SessionObject) };
  }

  /** A new id with all its data; what its old id still brings goes to the new one. */
  async #renew(old: SessionNote, requestSession: RequestSession, node: NodeProcess): Promise<Mark> {
    const before = requestSession.session as SessionObject;
    const inherited = numbersIn(before);
    // From here on the old one may be over once its grace is, whatever the answer says: another request may renew it, too.
    old.successor ??= old.key;
    await before.regenerate({ keep: true, graceMs: 3_000 });
    const session = requestSession.session as SessionObject;
    old.successor = session.key;
    this.history.tally.rotations += 1;
    if (!this.history.sessions.has(session.key))
      this.history.begin(session.id, session.key, { inherited, firstKey: old.firstKey, idleTimeoutMs: old.idleTimeoutMs });
    return this.#write(node, session);
  }

  #write(node: NodeProcess, session: SessionObject): Mark {
    const { history } = this;
    const note = history.sessions.get(session.key) ?? history.begin(session.id, session.key);
    const mark = history.mark(note, node);
    writeContent({ get: (name) => session[name], set: (name, value) => void (session[name] = value) }, mark);
    return mark;
  }

  /** What the request finds: judged by what its browser was told, and by what is known of the session. */
  #judgeSession({ shown, note, node, running }: Request, session: SessionObject): readonly Mark[] {
    const { history, world } = this;
    const relays = world.relays.length;
    if (note !== undefined) note.maybeUsedAtMs = history.nowMs;
    const numbers = numbersIn(session);
    if (numbers.size === 0) {
      if (note === undefined) return [];
      const isKnown = this.isCalm ? history.mustBeKnown(note, relays) : history.mustNotBeAbsent(note, relays);
      const mayBeOver = history.mayBeOver(note, IDLE_SLACK_MS);
      history.expect("R4", !isKnown || mayBeOver, () => `${node.name} begins a new session in place of ${note.key}`);
      return [];
    }
    const { key } = session;
    const found = history.sessions.get(key);
    if (found === undefined) return [];
    found.usedAtMs = history.nowMs;
    history.expect("E8", !found.saidOver.has(running.life), () => `${node.name} opens ${key}, which it ended itself`);
    const isOver = (found.overSinceMs !== undefined || this.isCalm) && history.mustBeOver(found, relays);
    history.expect("E8", !isOver, () => `${node.name} opens ${key}, which is over for everybody`);
    const isBehind = node.events.some((event) => event.type === "lost-write" && event.key === key);
    if (isBehind) history.tally.behind += 1;
    judgeContent(history, `${node.name} ${key}`, session);
    const missing = shown.filter((mark) => mark.note.key === key && !numbers.has(mark.id));
    history.expect(
      "RW6",
      missing.length === 0 || isBehind,
      () =>
        `${node.name} shows ${key} without ${missing.map(({ id, member }) => `write ${id} (${member.name})`).join(", ")}, which was answered`,
    );
    return found.marks.filter(({ id }) => numbers.has(id));
  }

  /** When the headers go out, the cookie is that of a session which this process does not know to be over. */
  #judgeCookie({ node, running }: Request, { cookieKey }: Answer): void {
    const note = cookieKey === undefined ? undefined : this.history.sessions.get(cookieKey);
    const isOver = note?.saidOver.has(running.life) === true;
    this.history.expect("A12", !isOver, () => `${node.name} sends the cookie of ${cookieKey}, which it ended`);
  }

  #judgeAnswer({ node, running, kind, note }: Request, { status, code }: Answer): void {
    const { history, world } = this;
    // What a process that is stopped or killed still says, nobody hears.
    if (status < CONFLICT || node.running !== running || code === "ENGINE_CLOSED") return;
    history.tally.unavailable += 1;
    const isLost = note !== undefined && !history.mustBeKnown(note, world.relays.length);
    const isExcused = status === CONFLICT || (status === TROUBLE && (!this.isCalm || isLost || kind === "renew"));
    history.expect("A21", isExcused, () => `${node.name} answered ${status} to ${kind}: ${code}`);
  }

  #settle(mark: Mark, isDone: boolean): void {
    const { acks = 0, degraded = "serve" } = this.world.options.sync;
    mark.status = isDone ? "told" : "unknown";
    if (!isDone) return;
    this.history.tally.told += 1;
    // With "fail" a response says that so many have it; with "serve" it says nothing.
    if (acks > 0 && degraded === "fail") mark.delivery = { acks, wanted: acks, durable: false };
    if (mark.delivery !== undefined) this.history.tally.acked += 1;
  }
}

function numbersIn(session: SessionObject): ReadonlySet<number> {
  const marks = session["marks"];
  return marks instanceof Set ? (marks as ReadonlySet<number>) : new Set();
}

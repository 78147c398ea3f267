import type { OperationKind, Outcome } from "../../../src/testing/history/operation.ts";
import { pick, type Random } from "../cluster/random.ts";
import { type Answer, ask, CookieJar } from "./client.ts";
import type { LoadNode, Nodes } from "./nodes.ts";
import type { HistoryRecorder } from "../../../src/testing/history/recorder.ts";

const REGISTER_COUNT = 4;
/** Rounds until a visitor logs out: some sessions outlive the run. */
const ROUNDS_MIN = 15;
const ROUNDS_MAX = 120;
const LOGIN_ROUND = 3;
/** Two requests at once, on nodes that may differ. */
const TAB_COUNT = 2;
const GHOST_SHARE = 0.15;

/** What was refused before the app ran did not happen. */
const REFUSED: ReadonlySet<string> = new Set(["ECONNREFUSED", "SESSION_UNAVAILABLE", "SESSION_ENDED", "SESSION_ROTATED"]);

interface LiveSession {
  readonly label: string;
  key: string | undefined;
  rounds: number;
}

interface Ghost {
  readonly label: string;
  readonly jar: CookieJar;
  readonly endedBy: number;
}

export interface VisitorSession {
  readonly label: string;
  readonly key: string;
}

/** One person with a browser, two tabs, and a session that begins, is logged in, used, and perhaps logged out; then the next one. */
export class Visitor {
  readonly #name: string;
  readonly #nodes: Nodes;
  readonly #recorder: HistoryRecorder;
  readonly #random: Random;
  readonly #ghosts: Ghost[] = [];
  #jar = new CookieJar();
  #session: LiveSession | undefined;
  #sessionCount = 0;
  #lastRound = 0;

  constructor(name: string, nodes: Nodes, recorder: HistoryRecorder, random: Random) {
    this.#name = name;
    this.#nodes = nodes;
    this.#recorder = recorder;
    this.#random = random;
  }

  /** The session that it knows to be alive. */
  get session(): VisitorSession | undefined {
    const session = this.#session;
    return session?.key === undefined ? undefined : { label: session.label, key: session.key };
  }

  /** One thing, or two at once in two tabs. */
  async round(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return this.#create();
    if (this.#ghosts.length > 0 && this.#random() < GHOST_SHARE) return this.#haunt();
    session.rounds += 1;
    if (session.rounds === LOGIN_ROUND) return this.#login(session);
    if (session.rounds >= this.#lastRound) return this.#logout(session);
    await Promise.all(Array.from({ length: TAB_COUNT }, () => this.#use(session)));
  }

  /** Reads its session on each node, with nothing but the id. */
  async readFinally(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    for (const node of this.#nodes.all) await this.#run("final", session.label, node, { jar: this.#jar.sessionOnly() });
    for (const ghost of this.#ghosts) {
      for (const node of this.#nodes.all) await this.#run("ghost", ghost.label, node, { jar: ghost.jar, endedBy: ghost.endedBy });
    }
  }

  async #create(): Promise<void> {
    this.#jar = new CookieJar();
    const label = `${this.#name}.${(this.#sessionCount += 1)}`;
    const { outcome, answer } = await this.#run("create", label, this.#nodes.any());
    if (outcome !== "ok") return;
    this.#session = { label, key: answer.key, rounds: 0 };
    this.#lastRound = ROUNDS_MIN + Math.floor(this.#random() * (ROUNDS_MAX - ROUNDS_MIN));
  }

  async #use({ label }: LiveSession): Promise<void> {
    const kind = pick(this.#random, ["set", "push", "add", "read", "read", "read"] as const);
    const name = kind === "set" ? { name: `r${Math.floor(this.#random() * REGISTER_COUNT)}` } : {};
    await this.#run(kind, label, this.#nodes.any(), name);
  }

  async #login(session: LiveSession): Promise<void> {
    const before = this.#jar.copy();
    const { outcome, answer, id } = await this.#run("login", session.label, this.#nodes.any());
    // Its id may have changed, and nobody told it the new one.
    if (outcome === "info") this.#session = undefined;
    if (outcome !== "ok") return;
    session.key = answer.key;
    this.#ghosts.push({ label: session.label, jar: before, endedBy: id });
  }

  async #logout(session: LiveSession): Promise<void> {
    const before = this.#jar.copy();
    const { outcome, id } = await this.#run("logout", session.label, this.#nodes.any());
    if (outcome === "fail") return;
    this.#session = undefined;
    if (outcome === "ok") this.#ghosts.push({ label: session.label, jar: before, endedBy: id });
  }

  async #haunt(): Promise<void> {
    const { label, jar, endedBy } = pick(this.#random, this.#ghosts);
    await this.#run("ghost", label, this.#nodes.any(), { jar, endedBy });
  }

  async #run(
    kind: OperationKind,
    session: string,
    node: LoadNode,
    { jar, name, endedBy }: { readonly jar?: CookieJar; readonly name?: string; readonly endedBy?: number } = {},
  ): Promise<{ readonly outcome: Outcome; readonly answer: Answer; readonly id: number }> {
    const id = this.#recorder.nextId();
    const details = { ...(name === undefined ? {} : { name }), ...(endedBy === undefined ? {} : { endedBy }) };
    this.#recorder.begin({ id, kind, session, node: node.name, ...details });
    const cookies = jar ?? this.#jar;
    const before = cookies.sessionCookie;
    const path = kind === "ghost" || kind === "final" ? "read" : kind;
    const query = new URLSearchParams({ id: String(id), session, ...(name === undefined ? {} : { name }) });
    const answer = await ask(`${node.url}/${path}?${query.toString()}`, cookies, jar === undefined);
    const outcome = outcomeOf(answer);
    if (answer.status === 0) this.#nodes.avoid(node);
    const after = cookies.sessionCookie;
    this.#recorder.end({
      type: outcome,
      id,
      status: answer.status,
      hasNewId: before !== undefined && after !== before,
      ...(answer.code === undefined ? {} : { code: answer.code }),
      ...(answer.view === undefined ? {} : { view: answer.view }),
    });
    return { outcome, answer, id };
  }
}

/** A 409 is decided before anything is written; so is "I cannot know the session". All else may have happened. */
function outcomeOf({ status, code }: Answer): Outcome {
  if (status === 200) return "ok";
  return code !== undefined && REFUSED.has(code) ? "fail" : "info";
}

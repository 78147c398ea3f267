/** What a session is, without anything of how it is kept. */
interface ModelSession {
  readonly data: Map<string, number>;
  readonly deadlineMs: number;
  /** Sessions that go on from each other: what was claimed in one is claimed in all. */
  readonly claims: Set<string>;
  touchedAtMs: number;
  subject: string | undefined;
  isOver: boolean;
  successor: { readonly index: number; readonly untilMs: number } | undefined;
}

export const MODEL_IDLE_MS = 10_000;
export const MODEL_ABSOLUTE_MS = 60_000;

/** All sessions that there ever were, by number: nothing is forgotten, so numbers mean the same however a history is shortened. */
export class SessionModel {
  nowMs = 0;
  readonly sessions: ModelSession[] = [];

  create(data: Iterable<readonly [string, number]>, subject: string | undefined, claims = new Set<string>()): number {
    const deadlineMs = this.nowMs + MODEL_ABSOLUTE_MS;
    const session = { data: new Map(data), deadlineMs, claims, touchedAtMs: this.nowMs, subject, isOver: false, successor: undefined };
    return this.sessions.push(session) - 1;
  }

  get(index: number): ModelSession {
    const session = this.sessions[index];
    if (session === undefined) throw new Error("there is no such session in the model");
    return session;
  }

  isAlive(index: number): boolean {
    const { isOver, deadlineMs, touchedAtMs, successor } = this.get(index);
    if (isOver || this.nowMs >= deadlineMs) return false;
    // Whoever uses it during the grace uses its successor: it is not idle for that.
    return this.nowMs < (successor?.untilMs ?? touchedAtMs + MODEL_IDLE_MS);
  }

  /** The session that requests for one get: its successor, during the grace. Undefined where that is over. */
  current(index: number): number | undefined {
    let at = index;
    while (this.isAlive(at)) {
      const { successor } = this.get(at);
      if (successor === undefined) return at;
      at = successor.index;
    }
    return undefined;
  }

  living(subject?: string): number[] {
    return [...this.sessions.keys()].filter((index) => {
      const session = this.get(index);
      return this.isAlive(index) && session.successor === undefined && (subject === undefined || session.subject === subject);
    });
  }
}

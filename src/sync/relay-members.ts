import type { Runtime } from "../engine/index.ts";
import type { SyncLog } from "./counters.ts";
import type { Role } from "./messages/hello.ts";
import { encodeStatus, type RelayStatus } from "./messages/status.ts";
import type { Membership } from "./membership.ts";

/** A connection to a relay's peer, once it is known who that is. */
export interface Member {
  readonly role: Role;
  /** Of its process start, in hex. */
  readonly id: string;
  /** Of what it keeps, in hex. */
  readonly incarnation: string;
  /** Where this relay dialed. */
  readonly address: string | undefined;
  send(frame: Uint8Array): void;
}

/** A peer for operators: nothing here tells a session. */
export interface MemberInfo {
  /** The address that was dialed, otherwise the beginning of its id. */
  readonly name: string;
  readonly role: Role;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** It said that it stops. */
  readonly isDrained: boolean;
}

/** Who is connected to a relay: one line for each who comes and goes, and everybody hears what this relay's answers are worth. */
export class RelayMembers {
  readonly #runtime: Runtime;
  readonly #membership: Membership;
  readonly #log: SyncLog;
  readonly #keep: (completeSinceMs: number) => void;
  readonly #members = new Map<Member, { readonly sinceMs: number; isDrained: boolean; told: RelayStatus | undefined }>();
  #keptSinceMs: number | undefined;

  /** `keep` hears what the next run must know, now and whenever it changes. */
  constructor(runtime: Runtime, membership: Membership, log: SyncLog, keep: (completeSinceMs: number) => void) {
    this.#runtime = runtime;
    this.#membership = membership;
    this.#log = log;
    this.#keep = keep;
    this.tell();
  }

  list(): MemberInfo[] {
    return [...this.#members].map(([member, { sinceMs, isDrained }]) => ({ name: nameOf(member), role: member.role, sinceMs, isDrained }));
  }

  status(): RelayStatus {
    return this.#membership.status(this.#runtime.nowMs());
  }

  /** `told`: what the greeting said to it already. */
  joined(member: Member, told?: RelayStatus): void {
    this.#members.set(member, { sinceMs: this.#runtime.nowMs(), isDrained: false, told });
    const isNew = member.role === "node" || this.#membership.joined(member);
    if (isNew) this.#log(`${member.role} ${nameOf(member)} joined`);
    this.tell();
  }

  left(member: Member): void {
    const entry = this.#members.get(member);
    if (entry === undefined) return;
    this.#members.delete(member);
    const { isLast, isDrained } =
      member.role === "node" ? { isLast: true, isDrained: entry.isDrained } : this.#membership.left(member.id, this.#runtime.nowMs());
    if (isLast) this.#log(`${member.role} ${nameOf(member)} left${isDrained ? " (it stopped)" : ""}`);
    this.tell();
  }

  drained(member: Member): void {
    const entry = this.#members.get(member);
    if (entry !== undefined) entry.isDrained = true;
    if (member.role === "relay") this.#membership.drained(member.id);
    this.tell();
  }

  /** The other relay says what its answers are worth. */
  heard(member: Member, status: RelayStatus): void {
    this.#membership.told(member.id, status);
  }

  equal(member: Member): void {
    if (this.#membership.equal(member.id)) this.#log("joined: everything that the other relays hold is here");
    this.tell();
  }

  isItself(address: string): void {
    this.#membership.isItself(address);
    this.tell();
  }

  /** Everybody whose picture of this relay is not right any more. Also to be called as time passes. */
  tell(): void {
    const nowMs = this.#runtime.nowMs();
    const { completeSinceMs } = this.#membership;
    if (completeSinceMs !== this.#keptSinceMs) {
      this.#keptSinceMs = completeSinceMs;
      this.#keep(completeSinceMs);
    }
    for (const [member, entry] of this.#members) {
      const status = this.statusFor(member, nowMs);
      if (entry.told !== undefined && isSame(status, entry.told)) continue;
      entry.told = status;
      member.send(encodeStatus({ status }));
    }
  }

  statusFor({ role, incarnation }: Pick<Member, "role" | "incarnation">, nowMs = this.#runtime.nowMs()): RelayStatus {
    return this.#membership.status(nowMs, role === "relay" ? incarnation : undefined);
  }
}

function nameOf({ address, id }: Member): string {
  return address ?? id.slice(0, 8);
}

function isSame(left: RelayStatus, right: RelayStatus): boolean {
  return left.isComplete === right.isComplete && left.completeSinceMs === right.completeSinceMs && left.memberCount === right.memberCount;
}

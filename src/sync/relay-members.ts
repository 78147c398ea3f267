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
  /** Of another relay: whatever it was told until then has come over this connection. Milliseconds since the epoch. */
  readonly heardUntilMs?: number;
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
  readonly #nowMs: () => number;
  readonly #membership: Membership;
  readonly #log: SyncLog;
  readonly #keep: (completeSinceMs: number) => void;
  readonly #members = new Map<Member, { readonly sinceMs: number; isDrained: boolean; told: RelayStatus | undefined }>();
  /** Connections to other relays. */
  readonly #relays = new Set<Member>();
  #keptSinceMs: number | undefined;

  /** `keep` hears what the next run must know, now and whenever it changes. */
  constructor(nowMs: () => number, membership: Membership, log: SyncLog, keep: (completeSinceMs: number) => void) {
    this.#nowMs = nowMs;
    this.#membership = membership;
    this.#log = log;
    this.#keep = keep;
    this.tell();
  }

  list(): MemberInfo[] {
    return [...this.#members].map(([member, { sinceMs, isDrained }]) => ({ name: nameOf(member), role: member.role, sinceMs, isDrained }));
  }

  status(): RelayStatus {
    return this.#membership.status(this.#nowMs());
  }

  /**
   * Until when what the other relays were told has reached this one: those that it counts as members. Each of their connections counts, for
   * any of them may be the one that is used. Undefined: there are none.
   */
  heardUntilMs(): number | undefined {
    let untilMs: number | undefined;
    for (const relay of this.#relays) {
      if (this.#membership.isMember(relay.id)) untilMs = Math.min(untilMs ?? Number.POSITIVE_INFINITY, relay.heardUntilMs ?? 0);
    }
    return untilMs;
  }

  /** `told`: what the greeting said to it already. */
  joined(member: Member, told?: RelayStatus): void {
    this.#members.set(member, { sinceMs: this.#nowMs(), isDrained: false, told });
    if (member.role === "relay") this.#relays.add(member);
    const isNew = member.role === "node" || this.#membership.joined(member, this.#nowMs());
    if (isNew) this.#log(`${member.role} ${nameOf(member)} joined`);
    this.tell();
  }

  left(member: Member): void {
    const entry = this.#members.get(member);
    if (entry === undefined) return;
    this.#members.delete(member);
    this.#relays.delete(member);
    const { isLast, isDrained } =
      member.role === "node" ? { isLast: true, isDrained: entry.isDrained } : this.#membership.left(member.id, this.#nowMs());
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
    const nowMs = this.#nowMs();
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

  statusFor({ role, incarnation }: Pick<Member, "role" | "incarnation">, nowMs = this.#nowMs()): RelayStatus {
    return this.#membership.status(nowMs, role === "relay" ? incarnation : undefined);
  }
}

function nameOf({ address, id }: Member): string {
  return address ?? id.slice(0, 8);
}

function isSame(left: RelayStatus, right: RelayStatus): boolean {
  return left.isComplete === right.isComplete && left.completeSinceMs === right.completeSinceMs && left.memberCount === right.memberCount;
}

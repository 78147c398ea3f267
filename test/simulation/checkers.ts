import { COMPACT_WHEN_QUIET } from "../../src/engine/document.ts";
import type { SessionKey } from "../../src/engine/record.ts";
import { judgeContent } from "./content.ts";
import type { History, Mark, SessionNote } from "./history.ts";
import { EPOCH_MS } from "./machine.ts";
import type { Member, RelayProcess } from "./members.ts";
import { type CopyView, textOf } from "./view.ts";
import type { World } from "./world.ts";

/** What a process adds to a session for good: its entry in the vector, and its cell of the counter. */
const WRITER_BYTES = 64;
/** The newest removals, which are kept so that late writes do not come back: 32 of them. */
const REMOVALS_BYTES = 32 * 40;

/** Two clocks may differ by so much (ε). */
const CLOCK_ERROR_MS = 2_000;

/** Every copy of every session, by key and by who holds it. */
export type Copies = ReadonlyMap<SessionKey, ReadonlyMap<Member, CopyView>>;

/** What everybody holds now. */
export async function copiesOf(world: World, history: History): Promise<Copies> {
  const copies = new Map<SessionKey, Map<Member, CopyView>>();
  for (const key of history.sessions.keys()) {
    const held = new Map<Member, CopyView>();
    copies.set(key, held);
    for (const member of world.members) {
      const record = await member.running?.replica.record(key);
      if (record !== undefined) held.set(member, world.views.of(record));
    }
  }
  return copies;
}

/** Whether copies of one session differ for all that their engines say of them (`Replica.fingerprint`), or a relay lacks what somebody holds. */
export function differByFingerprint(world: World, history: History): SessionKey | undefined {
  for (const [key, note] of history.sessions) {
    if (mayBeForgotten(history, note)) continue;
    const said = new Set<number>();
    for (const { kind, running } of world.members) {
      const fingerprint = running?.replica.fingerprint(key) ?? 0;
      if (fingerprint !== 0 || kind === "relay") said.add(fingerprint);
    }
    if (said.size > 1) return key;
  }
  return undefined;
}

/** Where copies of one session differ, or a relay lacks what somebody holds; nothing when all are one. */
export function differences(world: World, history: History, copies: Copies): string[] {
  const found: string[] = [];
  for (const [key, held] of copies) {
    if (held.size === 0 || isForgotten(history, key, held)) continue;
    const without = world.relays.filter((relay) => !held.has(relay));
    if (without.length === 0 && isOne(held)) continue;
    found.push(`${key}: ${world.members.map((member) => `${member.name}=${saidBy(held.get(member))}`).join(" ")}`);
  }
  return found;
}

/** Whether all say the same; what is equal byte by byte is one view. */
function isOne(held: ReadonlyMap<Member, CopyView>): boolean {
  const views = new Set(held.values());
  return views.size === 1 || new Set([...views].map(({ digest }) => digest)).size === 1;
}

function saidBy(view: CopyView | undefined): string {
  return view === undefined ? "-" : view.isOver ? "over" : `${view.digest.slice(0, 6)}${textOf(view.plain["marks"])}`;
}

/** Nobody needs it any more: some have forgotten it, and the others will. */
function isForgotten(history: History, key: SessionKey, held: ReadonlyMap<Member, CopyView>): boolean {
  const note = history.sessions.get(key);
  if (note === undefined) return false;
  // After its grace each replica ends it by itself, at its next sweep.
  if (note.successor !== undefined) return true;
  return ![...held.values()].some(({ isOver }) => isOver) && mayBeForgotten(history, note);
}

function mayBeForgotten(history: History, note: SessionNote): boolean {
  // Whoever uses it during its grace uses the one that goes on in its place.
  if (note.successor !== undefined) return true;
  return history.nowMs > note.usedAtMs + note.idleTimeoutMs;
}

/** Whether a relay has a write where it must not get lost: on its disk, if it has one. */
export function holdsWrite({ views }: World, { disk, running }: RelayProcess, { id, note }: Mark): boolean {
  const record = disk === undefined ? running?.engine.registry.hot(note.key)?.record() : disk.record(note.key);
  // What is over, or rests, is nobody's loss.
  return record?.document === undefined ? disk === undefined || record !== undefined : views.marksIn(record).has(id);
}

/** What must be so once all copies are one. Takes note of what everybody has from here on. */
export function judgeCopies(world: World, history: History, copies: Copies): void {
  for (const [key, held] of copies) {
    const note = history.sessions.get(key);
    const [view] = held.values();
    if (note !== undefined) judge(world, history, note, view);
  }
}

function judge(world: World, history: History, note: SessionNote, view: CopyView | undefined): void {
  const { key } = note;
  const relays = world.relays.length;
  const mayBeOver = history.mayBeOver(note, 5_000);
  if (view === undefined) {
    history.expect("SY21", !history.mustBeKnown(note, relays) || mayBeOver, () => `${key} is gone`);
    return;
  }
  if (view.isOver) {
    history.expect("E6", mayBeOver, () => `${key} is over, and nobody ended it`);
    note.overSinceMs ??= history.nowMs;
    return;
  }
  history.expect("E8", !history.mustBeOver(note, relays), () => `${key} was ended, and lives`);
  // Who told a user so tells everybody, for as long as it lives; but for a grace that is over: that everybody knows by the clock.
  const isGraceOver = view.replacedAtMs !== undefined && view.replacedAtMs < EPOCH_MS + history.nowMs + CLOCK_ERROR_MS;
  const isTold = [...note.saidOver].some(({ isAlive }) => isAlive);
  history.expect("E6", !isTold || isGraceOver, () => `a user was told that ${key} is over, and it lives`);
  const marks = view.plain["marks"] instanceof Set ? (view.plain["marks"] as ReadonlySet<number>) : new Set<number>();
  for (const mark of note.marks) {
    const isThere = marks.has(mark.id);
    history.expect(
      (mark.delivery?.acks ?? 0) > 0 ? "AK1" : "AK2",
      isThere || !history.mustSurvive(mark, relays),
      () => `write ${mark.id} by ${mark.member.name} to ${key} was answered with ${mark.delivery?.acks ?? 0} acks, and is lost`,
    );
    history.expect("SY8", !isThere || mark.status !== "discarded", () => `write ${mark.id} to ${key} was discarded, and is there`);
    if (isThere) mark.settledAtMs = history.nowMs;
  }
  for (const id of note.inherited) history.expect("E12", marks.has(id), () => `${key} goes on from another without its write ${id}`);
  judgeContent(history, key, view.plain);
  judgeSize(history, view, key);
}

/** What a session takes follows from what it holds, not from how often it was written. */
function judgeSize(history: History, { plain, bytes, compactBytes, writerCount }: CopyView, key: SessionKey): void {
  const { factor, bytes: spare } = COMPACT_WHEN_QUIET;
  const compacted = factor * compactBytes + spare;
  history.expect("D14", bytes <= compacted, () => `${key} takes ${bytes} bytes, and would take ${compactBytes}: nobody compacted it`);
  const allowed = 4 * textOf(plain).length + 2_048 + REMOVALS_BYTES + WRITER_BYTES * Math.max(0, writerCount - 4);
  history.expect("D14", compactBytes <= allowed, () => `${key} takes ${compactBytes} bytes, and ${allowed} are enough for what it holds`);
}

/** What no process may have met, whatever happened: only broken or hostile peers make such. */
export function judgeProcesses(world: World, history: History, isWild: boolean): void {
  for (const member of world.members) {
    const refused = member.events.filter(({ type }) => type === "input-refused");
    history.expect("D16", refused.length === 0, () => `${member.name} refused ${refused.length} honest inputs: ${reasonOf(refused[0])}`);
    history.expect("RP3", member.failures.length === 0, () => `${member.name} could not start: ${String(member.failures[0])}`);
    const { malformedFrames } = member.counters;
    history.expect("SY2", isWild || malformedFrames === 0, () => `${member.name} met ${malformedFrames} frames that nobody may send`);
  }
}

function reasonOf(event: unknown): string {
  const { error } = event as { readonly error: unknown };
  return error instanceof Error ? `${error.message} ${error.cause instanceof Error ? error.cause.message : ""}` : "unknown";
}

import type { Dot, SessionKey } from "../../src/engine/record.ts";
import type { OpenSession } from "../../src/engine/session-engine.ts";
import type { History, Mark } from "./history.ts";
import type { Life } from "./machine.ts";
import { NodeProcess } from "./members.ts";

/** So many keys a session keeps in its `flags`; whoever finds more removes the oldest. */
const FLAG_COUNT = 3;
const CART_KEYS = 3;

/** The attributes of a copy, or of what a request sees. */
export type Plain = Readonly<Record<string, unknown>>;

/**
 * What every write of the simulation writes: its number, in one attribute of each merge type, so that from the numbers in `marks` alone
 * follows all else that a copy must hold (`judgeContent`).
 */
export function writeContent(session: Pick<OpenSession, "get" | "set">, mark: Mark): void {
  const { id, member } = mark;
  mark.isDeclared = member instanceof NodeProcess && member.declaresAsUsual;
  session.set("marks", new Set([...marksOf(session.get("marks")), id]));
  session.set("hits", ((session.get("hits") as number | undefined) ?? 0) + 1);
  session.set("items", [...((session.get("items") as number[] | undefined) ?? []), id]);
  const cart = (session.get("cart") as Record<string, number> | undefined) ?? {};
  session.set("cart", { ...cart, [cartKey(id)]: id });
  session.set("last", id);
  writeFlags(session, mark);
}

/** The dot of a commit: later ones are judged by it. */
export function committed(history: History, mark: Mark, dot: Dot, life: Life): void {
  mark.dot = dot;
  const [writer, stamp] = dot;
  const owner = history.writers.get(writer);
  const place = `${mark.note.firstKey} ${writer} ${stamp}`;
  const other = history.dots.get(place);
  history.expect("D10", owner === undefined || owner === life, () => `write ${mark.id} has the writer id of another process start`);
  history.expect("D10", other === undefined, () => `writes ${other?.id} and ${mark.id} have one dot`);
  history.writers.set(writer, life);
  history.dots.set(place, mark);
}

/** Changed in place, so that two requests merge property by property. */
function writeFlags(session: Pick<OpenSession, "get" | "set">, mark: Mark): void {
  const flags = session.get("flags") as Record<string, number> | undefined;
  if (flags === undefined) {
    session.set("flags", { [flagKey(mark.id)]: mark.id });
    return;
  }
  const seen = Object.values(flags).sort((left, right) => left - right);
  mark.removed = seen.slice(0, Math.max(0, seen.length - FLAG_COUNT + 1));
  for (const id of mark.removed) delete flags[flagKey(id)];
  flags[flagKey(mark.id)] = mark.id;
}

/** Whether a copy holds exactly what its writes wrote, by a plain model: sets, sums and the latest dot. */
export function judgeContent(history: History, where: string, plain: Plain): void {
  const marks = marksOf(plain["marks"]);
  const writes = [...marks].map((id) => history.marks.get(id)).filter((mark) => mark !== undefined);
  history.expect("D17", writes.length === marks.size, () => `${where} holds writes that nobody wrote`);
  const { hits = 0, items = [], cart = {}, flags = {}, last } = plain as Content;
  const wrote = [...marks].join(",");
  history.expect("D9", hits === marks.size, () => `${where} holds ${marks.size} writes and counts ${hits}`);
  const strange = [last, ...items, ...Object.values(cart), ...Object.values(flags)].filter((id) => id !== undefined && !marks.has(id));
  history.expect("D4", strange.length === 0, () => `${where} holds the writes ${wrote} and shows a part of ${strange.join(",")}`);
  const isList = items.length === marks.size && new Set(items).size === items.length;
  history.expect("D8", isList, () => `${where} holds the writes ${wrote} and lists ${items.join(",")}`);
  judgeFlags(history, where, writes, flags);
  judgeLatest(history, where, writes, { last, cart });
}

interface Content {
  readonly hits?: number;
  readonly items?: readonly number[];
  readonly cart?: Readonly<Record<string, number>>;
  readonly flags?: Readonly<Record<string, number>>;
  readonly last?: number;
}

/** A key that nobody removed is there, and one that was removed is not: nobody writes it twice. */
function judgeFlags(history: History, where: string, writes: readonly Mark[], flags: Readonly<Record<string, number>>): void {
  const removed = new Set(writes.flatMap((mark) => mark.removed));
  const lost = writes.filter(({ id }) => !removed.has(id) && flags[flagKey(id)] !== id);
  const revived = [...removed].filter((id) => flags[flagKey(id)] !== undefined);
  history.expect("D13", lost.length === 0, () => `${where} lost keys that nobody removed: ${lost.map(({ id }) => id).join(",")}`);
  history.expect("D13", revived.length === 0, () => `${where} shows keys that were removed: ${revived.join(",")}`);
}

/** Of all who set a property the latest counts. */
function judgeLatest(
  history: History,
  where: string,
  writes: readonly Mark[],
  shown: Pick<Content, "cart"> & { readonly last: number | undefined },
): void {
  const { last, cart } = shown;
  // What a process wrote in its last moment has no dot that anybody knows.
  if (writes.length === 0 || writes.some(({ dot }) => dot === undefined)) return;
  const latest = (among: readonly Mark[]): number | undefined =>
    among.reduce<Mark | undefined>((best, mark) => (best === undefined || isLater(mark, best) ? mark : best), undefined)?.id;
  const expected = latest(writes);
  history.expect("D2", last === expected, () => `${where} shows ${last} as the last write, and ${expected} was later`);
  if (writes.some(({ isDeclared }) => !isDeclared)) return;
  for (let part = 0; part < CART_KEYS; part++) {
    const key = cartKey(part);
    const of = latest(writes.filter(({ id }) => cartKey(id) === key));
    const value = cart?.[key];
    history.expect("D18", (value === undefined) === (of === undefined), () => `${where} lacks ${key} in its map, where ${of} was written`);
    history.expect("D2", value === undefined || value === of, () => `${where} shows ${value} in ${key} of its map, and ${of} was later`);
  }
}

/** In one process a session never shows less than before. */
export function judgeGrowth(history: History, life: Life, key: SessionKey, where: string, plain: Plain): void {
  const shown = history.shownBy(life);
  const marks = marksOf(plain["marks"]);
  const before = shown.get(key) ?? new Set();
  const gone = [...before].filter((id) => !marks.has(id));
  history.expect("D13", gone.length === 0, () => `${where} does not show the writes ${gone.join(",")} any more`);
  shown.set(key, marks);
}

/** What a request sees. */
export function plainIn(session: OpenSession): Plain {
  return Object.fromEntries(session.names().map((name) => [name, session.get(name)]));
}

function isLater({ dot: left }: Mark, { dot: right }: Mark): boolean {
  if (left === undefined || right === undefined) return false;
  return left[1] !== right[1] ? left[1] > right[1] : left[0] > right[0];
}

function marksOf(value: unknown): ReadonlySet<number> {
  return value instanceof Set ? (value as ReadonlySet<number>) : new Set();
}

function cartKey(id: number): string {
  return `p${id % CART_KEYS}`;
}

function flagKey(id: number): string {
  return `f${id}`;
}

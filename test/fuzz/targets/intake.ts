import type { Change, DocumentRecord, SessionKey, SessionRecord, WriterId } from "../../../src/engine/record.ts";
import type { Replica } from "../../../src/engine/index.ts";
import { decodeFrame } from "../../../src/sync/messages/index.ts";
import { ProtocolError } from "../../../src/sync/protocol-error.ts";
import type { Dice } from "../../simulation/dice.ts";
import type { Corpus, History } from "../corpus.ts";
import { encodeFrame } from "../frame-encoders.ts";
import { bytesOf, hostileNumber } from "../hostile-bytes.ts";
import { hostileRow, type RowContext } from "../hostile-rows.ts";
import { clocksOf, hostileUpdate, withOtherRow } from "../hostile-updates.ts";
import { mutated } from "../mutation.ts";
import type { Target } from "../target.ts";
import { type Victim, Victims } from "../victim.ts";

/** What came of an input, as the replica said. */
type Said = "refused" | "ignored" | "taken";

/**
 * Frames of one kind, decoded and handed to an engine's replica as the exchange of the sync layer does it. An input is the number of the victim
 * and the frame.
 */
function intakeTarget(
  name: "change" | "state",
  corpus: Corpus,
  make: (dice: Dice, history: History) => Uint8Array,
  others: readonly Uint8Array[],
): Target {
  const { histories, nowMs } = corpus;
  // The last holds nothing, and the one before a session that is over.
  const ended = histories.flatMap(({ states }) => states).find(({ envelope }) => envelope.ended !== undefined);
  const records = [...histories.map(({ victim }) => victim), ended, undefined];
  const victims = new Victims(records, nowMs);
  let said: Said = "refused";
  let key: SessionKey = "";
  let victim: Victim | undefined;
  return {
    name,
    input(dice) {
      const number = dice.whole(0, histories.length - 1);
      const frame = make(dice, histories[number] as History);
      const bytes = dice.chance(0.25) ? mutated(dice, frame, others) : frame;
      return bytesOf(dice.chance(0.9) ? number : dice.whole(0, records.length - 1), bytes);
    },
    async take(input) {
      victim = await victims.victim(input[0] ?? 0);
      const { replica } = victim.node;
      try {
        const frame = decodeFrame(input.subarray(1));
        if (frame.kind === "change") {
          key = victim.keyOf(frame.key);
          said = await saidOfChange(replica, key, frame.change);
        } else if (frame.kind === "state") {
          const { envelope, document } = frame.record;
          key = victim.keyOf(envelope.key);
          said = await saidOfState(replica, key, { envelope: { ...envelope, key }, document });
        } else said = "ignored";
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        said = "refused";
      }
      return said === "taken";
    },
    async check() {
      if (said === "taken") await victim?.checkTaken(key);
      else if (said === "refused") await victim?.checkRefused();
      else await victim?.checkIgnored();
    },
  };
}

async function saidOfChange(replica: Replica, key: SessionKey, change: Change): Promise<Said> {
  const receipt = await replica.receiveChange(key, change);
  if (receipt === "applied" || receipt === "joined") return "taken";
  return receipt === "refused" ? "refused" : "ignored";
}

async function saidOfState(replica: Replica, key: SessionKey, record: SessionRecord): Promise<Said> {
  const { kind } = await replica.receiveState(key, record);
  return kind === "merged" ? "taken" : kind === "refused" ? "refused" : "ignored";
}

export function changeTarget(corpus: Corpus): Target {
  const frames = corpus.histories.flatMap(({ victim, changes }) =>
    changes.map((change) => encodeFrame({ kind: "change", key: victim.envelope.key, change })),
  );
  const updates = corpus.histories.flatMap(({ changes }) => changes.map(({ update }) => update));
  return intakeTarget(
    "change",
    corpus,
    (dice, history) => {
      const { key } = history.victim.envelope;
      const honest = dice.pick(history.changes.length > 0 && dice.chance(0.7) ? history.changes.slice(0, 1) : history.changes);
      const change: Change = { ...honest, update: brokenUpdate(dice, honest.update, updates, history.victim, honest.writer, honest.stamp) };
      return encodeFrame({ kind: "change", key, change: dice.chance(0.25) ? withHostileFields(dice, change) : change });
    },
    frames,
  );
}

export function stateTarget(corpus: Corpus): Target {
  const records = corpus.histories.flatMap(({ states }) => states);
  const frames = records.map((record) => encodeFrame({ kind: "state", round: 0, record }));
  const updates = records.flatMap(({ document }) => (document === undefined ? [] : [document.bytes]));
  return intakeTarget(
    "state",
    corpus,
    (dice, history) => {
      const honest = dice.pick(history.states);
      const writer = dice.pick([...history.changes.map((each) => each.writer), 2 ** 32 + 5]);
      const document = honest.document === undefined ? undefined : brokenDocument(dice, honest.document, updates, history.victim, writer);
      const envelope = dice.chance(0.2) ? withHostileTimes(dice, honest) : honest.envelope;
      return encodeFrame({ kind: "state", round: dice.whole(0, 9), record: { envelope, document } });
    },
    frames,
  );
}

function brokenDocument(
  dice: Dice,
  document: DocumentRecord,
  updates: readonly Uint8Array[],
  victim: SessionRecord,
  writer: WriterId,
): DocumentRecord {
  const { epoch } = document;
  const bytes = brokenUpdate(dice, document.bytes, updates, { ...victim, document }, writer, 0);
  if (dice.chance(0.9)) return { epoch, bytes };
  return { epoch: { counter: dice.chance(0.5) ? dice.whole(0, 4) : hostileNumber(dice), hash: epoch.hash }, bytes };
}

function brokenUpdate(
  dice: Dice,
  update: Uint8Array,
  updates: readonly Uint8Array[],
  { document }: SessionRecord,
  writer: WriterId,
  stamp: number,
): Uint8Array {
  const context: RowContext = { stamp, containerIds: containersIn(document?.bytes), writers: [writer] };
  const kind = dice.weighted({ honest: 1, mutated: 4, row: 4, "hostile-row": 3, grammar: 4 });
  if (kind === "honest") return update;
  if (kind === "mutated") return mutated(dice, update, updates);
  if (kind === "row") return withOtherRow(dice, update, (row) => mutated(dice, row, updates));
  if (kind === "hostile-row") return withOtherRow(dice, update, () => hostileRow(dice, context));
  return hostileUpdate(dice, clocksOf(document?.bytes ?? update, writer), () => hostileRow(dice, context));
}

/** Eight bytes in a row that stand in the document somewhere: ids of its containers among them. */
function containersIn(bytes: Uint8Array | undefined): readonly string[] {
  if (bytes === undefined || bytes.length < 40) return [];
  const text = Buffer.from(bytes).toString("hex");
  return Array.from({ length: 8 }, (_, index) => text.slice(2 * (20 + 2 * index), 2 * (28 + 2 * index)));
}

function withHostileFields(dice: Dice, change: Change): Change {
  const number = (): number => Math.min(hostileNumber(dice), 2 ** 53 - 1);
  const stamp = (): number => Math.max(1, number());
  const writer = (): WriterId => (dice.chance(0.5) ? change.writer : 2 ** 32 + (number() % 2 ** 32));
  const at = change.previousStamp;
  switch (dice.whole(0, 6)) {
    case 0:
      return { ...change, stamp: at + 1 + (number() % (2 ** 53 - 2 - at)) };
    case 1:
      return { ...change, previousStamp: dice.whole(0, change.stamp - 1) };
    case 2:
      return { ...change, seen: Array.from({ length: dice.pick([1, 3, 2_000]) }, () => [writer(), stamp()] as const) };
    case 3:
      return {
        ...change,
        dropped: Array.from({ length: dice.pick([1, 3, 2_000]) }, () => ({
          containerId: dice.pick(["", "0011223344556677", "x".repeat(200), "__proto__"]),
          writer: writer(),
          stamp: stamp(),
        })),
      };
    case 4:
      return { ...change, epoch: { counter: dice.whole(0, 3), hash: change.epoch.hash } };
    case 5:
      return { ...change, epoch: { counter: number(), hash: "f".repeat(16) } };
    default:
      return { ...change, writer: writer() };
  }
}

function withHostileTimes(dice: Dice, { envelope }: SessionRecord): SessionRecord["envelope"] {
  if (envelope.ended !== undefined) return { ...envelope, deadlineMs: hostileNumber(dice) };
  const aroundMs = (): number =>
    dice.chance(0.6) ? envelope.createdAtMs + dice.pick([-1, 0, 1, 1_000, 60_000, 10 ** 9, 10 ** 10, 10 ** 13]) : hostileNumber(dice);
  switch (dice.whole(0, 5)) {
    case 0:
      return { ...envelope, touchedAtMs: aroundMs() };
    case 1:
      return { ...envelope, deadlineMs: Math.max(envelope.createdAtMs, aroundMs()) };
    case 2:
      return { ...envelope, idleTimeoutMs: hostileNumber(dice), idleTimeoutStamp: hostileNumber(dice) };
    case 3:
      return { ...envelope, subject: envelope.firstKey, subjectAtMs: aroundMs() };
    case 4:
      return { ...envelope, successor: { key: dice.chance(0.3) ? envelope.key : "AAAAAAAAAAAAAAAAAAAAAA", atMs: aroundMs() } };
    default:
      return { ...envelope, subjectAtMs: aroundMs() };
  }
}

import * as Y from "yjs";
import { type AttributeTypes, Schema } from "../../src/engine/attributes/schema.ts";
import { digestOf } from "../../src/engine/compaction.ts";
import { COMPACT_WHEN_QUIET, type DocumentContext, SessionDocument } from "../../src/engine/document.ts";
import { EventHub } from "../../src/engine/event-hub.ts";
import type { Envelope } from "../../src/engine/envelope.ts";
import { DEFAULT_LIMITS } from "../../src/engine/limits.ts";
import { applyChange, checkDocument, checkPlaces, mergeState } from "../../src/engine/intake.ts";
import { LiveSession } from "../../src/engine/live-session.ts";
import { mergeRecords } from "../../src/engine/merge-records.ts";
import { RequestSession, type SessionHost } from "../../src/engine/open-session.ts";
import { type Change, compareEpochs, type Dot, type SessionRecord, type WriterId } from "../../src/engine/record.ts";
import type { OpenSession } from "../../src/engine/session-engine.ts";
import { WRITER_MIN } from "../../src/engine/update-reader.ts";
import type { Plain } from "../../src/engine/values.ts";
import { plainOf } from "../../src/engine/view.ts";
import { seededRandom, sha256 } from "./manual-runtime.ts";

/** Birth of every session in these tests: the time 0, so that a stamp is a time. */
const BIRTH: Envelope = {
  key: "AAAAAAAAAAAAAAAAAAAAAA",
  createdAtMs: 0,
  firstKey: "AAAAAAAAAAAAAAAAAAAAAA",
  firstCreatedAtMs: 0,
  deadlineMs: 2 ** 40,
  idleTimeoutMs: 2 ** 40,
  idleTimeoutStamp: 0,
  touchedAtMs: 0,
  subject: undefined,
  subjectAtMs: 0,
  successor: undefined,
  ended: undefined,
};

/** Attributes as one object: reading, mutating, assigning and deleting go to the request's working copy. */
export type Data = Record<string, unknown>;

export interface TestWorldOptions {
  readonly attributes?: AttributeTypes;
  readonly units?: readonly string[];
}

/** What the replicas of one test share: a clock, where writer ids come from, and the declarations. */
export class TestWorld {
  nowMs = 1;
  readonly schema: Schema;
  readonly #random: () => number;
  readonly #drawn = new Set<WriterId>();

  constructor(seed = 1, options: TestWorldOptions = {}) {
    this.#random = seededRandom(seed);
    this.schema = new Schema(options.attributes, options.units);
  }

  /** Never the same twice; small ones and great ones in no order. */
  drawWriter(): WriterId {
    for (;;) {
      const writer = WRITER_MIN + Math.floor(this.#random() * 2 ** 20);
      if (this.#drawn.has(writer)) continue;
      this.#drawn.add(writer);
      return writer;
    }
  }

  replica(schema?: Schema): TestReplica {
    return new TestReplica(this, schema ?? this.schema);
  }
}

export type Receipt = "applied" | "joined" | "duplicate" | "state-needed";

/**
 * One process's copy of one session, without an engine around it: the document, and requests on it as the engine makes them. What
 * comes from others is taken in by the rules of src/engine/replica.ts.
 */
export class TestReplica {
  readonly world: TestWorld;
  readonly context: DocumentContext;
  #live: LiveSession;
  #writer: WriterId;
  #written: Change | undefined;
  readonly #host: SessionHost;

  constructor(world: TestWorld, schema: Schema) {
    this.world = world;
    this.#writer = world.drawWriter();
    this.context = {
      sha256,
      limits: DEFAULT_LIMITS,
      writer: () => this.#writer,
      newWriter: () => (this.#writer = world.drawWriter()),
      drawWriter: () => world.drawWriter(),
    };
    this.#live = new LiveSession(BIRTH, SessionDocument.create(this.context));
    this.#host = {
      schema,
      limits: DEFAULT_LIMITS,
      sha256,
      events: new EventHub(),
      span: undefined,
      nowMs: () => world.nowMs,
      keyOf: () => BIRTH.key,
      verdictOf: () => "alive",
      newEnvelope: () => BIRTH,
      newDocument: () => SessionDocument.create(this.context),
      add: (envelope, document) => new LiveSession(envelope, document),
      reattach: (live) => live,
      touch: () => undefined,
      setIdleTimeout: () => undefined,
      subjectKey: (subject) => subject,
      setSubject: () => undefined,
      setSuccessor: () => undefined,
      committed: (_live, change) => {
        this.#written = change;
      },
      persisted: async () => ({ acks: 0, wanted: 0, durable: false }),
      answerable: async () => ({ acks: 0, wanted: 0, durable: false }),
    };
  }

  get document(): SessionDocument {
    const { document } = this.#live;
    if (document === undefined) throw new Error("these replicas never end");
    return document;
  }

  /** A request: it reads and mutates what the session held when it began. */
  request(): TestRequest {
    return new TestRequest(this, new RequestSession(this.#host, this.#live));
  }

  /** A whole request at once. `atMs` is what a history writes after @. */
  edit(change: (data: Data) => void, atMs?: number): Change | undefined {
    const request = this.request();
    change(request.data);
    return request.commit(atMs);
  }

  /** The change that the last commit wrote; taken once. */
  takeWritten(): Change | undefined {
    const written = this.#written;
    this.#written = undefined;
    return written;
  }

  apply(change: Change): Receipt {
    return applyChange(this.document, change);
  }

  record(): SessionRecord {
    return { envelope: BIRTH, document: this.document.encode() };
  }

  /** Takes in a whole state, as a replica does that receives one. */
  take(record: SessionRecord): void {
    if (record.document === undefined) throw new Error("these replicas never end");
    const theirs = checkDocument(this.context, record.document).table;
    if (compareEpochs(record.document.epoch, this.document.epoch) === 0) mergeState(this.document, record.document);
    else {
      checkPlaces(this.document.parts().table, theirs.countingRows());
      const { document } = mergeRecords(this.record(), record, this.context);
      if (document !== undefined && compareEpochs(document.epoch, this.document.epoch) !== 0) this.document.adopt(document);
    }
  }

  exchange(other: TestReplica): void {
    other.take(this.record());
    this.take(other.record());
  }

  /** Rewrites the document as a genesis, whether or not it helps. */
  compact(): void {
    this.document.adopt(this.document.genesis());
  }

  /** By the rule of the quiet compaction. */
  compactByRule(): boolean {
    return this.document.compact(COMPACT_WHEN_QUIET);
  }

  /** The process dies and starts again with an old copy. */
  restartFrom(record: SessionRecord): void {
    if (record.document !== undefined) checkDocument(this.context, record.document);
    this.#writer = this.world.drawWriter();
    this.#load(record, undefined);
  }

  /** The same process loads a copy, knowing what it wrote last. */
  reloadFrom(record: SessionRecord): void {
    this.#load(record, this.document.own);
  }

  digest(): string {
    return Buffer.from(digestOf(this.document.parts().table, sha256)).toString("hex");
  }

  /** What it shows at a time, if no other is given now. */
  plain(atMs = this.world.nowMs): Plain {
    return plainOf(this.document.root(atMs));
  }

  /** The values of local attributes. */
  get local(): ReadonlyMap<string, Plain> {
    return this.#live.local ?? new Map();
  }

  /** Throws unless the document reads back as it is, has nothing pending, and is not mute. */
  check(): void {
    const { bytes, epoch } = this.document.encode();
    const reloaded = SessionDocument.load(this.context, { epoch, bytes }, this.document.own);
    if (Buffer.compare(digestOf(reloaded.parts().table, sha256), digestOf(this.document.parts().table, sha256)) !== 0)
      throw new Error("the document differs from its own reload");
    const ydoc = new Y.Doc({ guid: "" });
    Y.applyUpdate(ydoc, bytes);
    if (ydoc.store.pendingStructs !== null || ydoc.store.pendingDs !== null) throw new Error("the document has pending parts");
    ydoc.destroy();
  }

  #load(record: SessionRecord, own: Dot | undefined): void {
    if (record.document === undefined) throw new Error("these replicas never end");
    this.#live = new LiveSession(record.envelope, SessionDocument.load(this.context, record.document, own));
  }
}

export class TestRequest {
  readonly data: Data;
  readonly session: OpenSession;
  readonly #replica: TestReplica;

  constructor(replica: TestReplica, session: OpenSession) {
    this.#replica = replica;
    this.session = session;
    this.data = new Proxy<Data>(
      {},
      {
        get: (_target, name) => (typeof name === "string" ? session.get(name) : undefined),
        has: (_target, name) => typeof name === "string" && session.has(name),
        set: (_target, name, value) => {
          session.set(String(name), value);
          return true;
        },
        deleteProperty: (_target, name) => {
          session.delete(String(name));
          return true;
        },
        ownKeys: () => session.names(),
        getOwnPropertyDescriptor: (_target, name) =>
          typeof name === "string" && session.has(name)
            ? { configurable: true, enumerable: true, writable: true, value: session.get(name) }
            : undefined,
      },
    );
  }

  /** Undefined when nothing was written. */
  commit(atMs?: number): Change | undefined {
    if (atMs !== undefined) this.#replica.world.nowMs = atMs;
    this.#replica.takeWritten();
    this.session.commit();
    return this.#replica.takeWritten();
  }
}

/** Everybody exchanges everything, until nothing changes; more rounds than that throw. */
export function sync(...replicas: readonly TestReplica[]): void {
  for (let round = 0; round < 6; round++) {
    const before = replicas.map(stateOf);
    for (const left of replicas) for (const right of replicas) if (left !== right) left.exchange(right);
    const after = replicas.map(stateOf);
    if (new Set(after).size === 1 && after.every((state, index) => state === before[index])) return;
  }
  throw new Error("six rounds of exchanges did not make the replicas equal");
}

/** Epoch and bytes. */
function stateOf(replica: TestReplica): string {
  const { epoch, bytes } = replica.document.encode();
  return `${epoch.counter}:${epoch.hash}:${Buffer.from(bytes).toString("base64")}`;
}

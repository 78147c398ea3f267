export type { AttributeOptions, AttributeType } from "./attributes/attribute-type.ts";
export { counter } from "./attributes/counter.ts";
export { list } from "./attributes/list.ts";
export { map } from "./attributes/map.ts";
export { register } from "./attributes/register.ts";
export type { AttributeTypes, SessionDataOf } from "./attributes/schema.ts";
export { set } from "./attributes/set.ts";
export type { Sha256 } from "./containers.ts";
export { SessionDocument } from "./document.ts";
export type { DocumentContext } from "./document.ts";
export { Engine } from "./engine.ts";
export type { EngineOptions } from "./engine-options.ts";
export { endEnvelope } from "./envelope.ts";
export type { End, EndReason, Envelope, Successor } from "./envelope.ts";
export { SESSION_ERROR_CODES, SessionError } from "./errors.ts";
export type { SessionErrorCode } from "./errors.ts";
export type { SessionEvent } from "./events.ts";
export type { PeerClock } from "./hybrid-clock.ts";
export { checkDocument } from "./intake.ts";
export { DEFAULT_LIMITS } from "./limits.ts";
export type { Limits } from "./limits.ts";
export { mergeRecords } from "./merge-records.ts";
export type { MergeContext } from "./merge-records.ts";
export type { Change, DocumentRecord, Dot, Epoch, SessionKey, SessionRecord, Stamp, SubjectKey, WriterId } from "./record.ts";
export { ByteReader } from "./byte-reader.ts";
export { KEY_BYTES, keyToBytes } from "./key-bytes.ts";
export { KEY_PARTS, KeyTable, partOf } from "./key-table.ts";
export { decodeChange, decodeEnvelope, decodeRecord, encodeChange, encodeEnvelope, encodeRecord } from "./record-codec.ts";
export { replicaOf } from "./replica.ts";
export type { ReplicaHost } from "./replica.ts";
export { restoreRecord } from "./restoring.ts";
export type { Backlog, ChangeReceipt, Delivery, FetchAnswer, Fingerprint, Replica, Replication, StateReceipt } from "./replication.ts";
export type { Runtime, SpanName } from "./runtime.ts";
export type {
  CheckOut,
  CommitResult,
  DraftOptions,
  OnceOptions,
  OpenSession,
  Seen,
  SessionChange,
  SessionData,
  SessionEngine,
  SessionHandle,
  SessionSummary,
} from "./session-engine.ts";
export { ageOf } from "./session-id.ts";
export type { EngineStats } from "./stats.ts";
export type { LastingStore, SessionStore, StoredRecord } from "./session-store.ts";
export { Tombstones } from "./tombstones.ts";
export type { Revocations, Verdict } from "./verdict.ts";

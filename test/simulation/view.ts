import { digestOf } from "../../src/engine/compaction.ts";
import { DEFAULT_LIMITS } from "../../src/engine/limits.ts";
import { toHex } from "../../src/engine/containers.ts";
import { SessionDocument } from "../../src/engine/document.ts";
import type { DocumentRecord, Epoch, SessionRecord } from "../../src/engine/record.ts";
import { WRITER_MIN } from "../../src/engine/update-reader.ts";
import { plainOf } from "../../src/engine/view.ts";
import { sha256 } from "../support/manual-runtime.ts";

const CONTEXT = { sha256, limits: DEFAULT_LIMITS, writer: () => WRITER_MIN, newWriter: () => WRITER_MIN, drawWriter: () => WRITER_MIN };

/** What the bytes of one document say. Most copies are the same bytes, and little of each is asked for: it is made when it is. */
class DocumentView {
  readonly plain: Readonly<Record<string, unknown>>;
  readonly #epoch: Epoch;
  readonly #loaded: SessionDocument;
  #digest: string | undefined;
  #compactBytes: number | undefined;

  constructor(document: DocumentRecord) {
    this.#epoch = document.epoch;
    this.#loaded = SessionDocument.load(CONTEXT, document);
    this.plain = plainOf(this.#loaded.root(0)) as Record<string, unknown>;
  }

  get digest(): string {
    const { counter, hash } = this.#epoch;
    this.#digest ??= `${counter} ${hash} ${toHex(digestOf(this.#loaded.parts().table, sha256))} ${textOf(this.plain)}`;
    return this.#digest;
  }

  /** What a compaction would make of it. */
  get compactBytes(): number {
    this.#compactBytes ??= this.#loaded.genesis().bytes.length;
    return this.#compactBytes;
  }

  get writerCount(): number {
    return this.#loaded.vector.size;
  }
}

/** What a copy of a session says, for comparison with others. */
export class CopyView {
  /** Encoded size. */
  readonly bytes: number;
  /** When it is over, since another session goes on in its place; by the clock of who said so. */
  readonly replacedAtMs: number | undefined;
  /** But for touches: of those the newest counts, and they are told apart from everything else (RP, "touch"). */
  readonly #envelope: string;
  readonly #document: DocumentView | undefined;
  #digest: string | undefined;

  constructor(envelope: string, document: DocumentView | undefined, bytes: number, replacedAtMs: number | undefined) {
    this.#envelope = envelope;
    this.#document = document;
    this.bytes = bytes;
    this.replacedAtMs = replacedAtMs;
  }

  get isOver(): boolean {
    return this.#document === undefined;
  }

  /** Equal exactly for copies that say the same, but for touches. */
  get digest(): string {
    if (this.#document === undefined) return "over";
    this.#digest ??= toHex(sha256(new TextEncoder().encode(`${this.#envelope} ${this.#document.digest}`))).slice(0, 16);
    return this.#digest;
  }

  get plain(): Readonly<Record<string, unknown>> {
    return this.#document?.plain ?? {};
  }

  /** What a compaction would make of it, and how many wrote it. */
  get compactBytes(): number {
    return this.#document?.compactBytes ?? 0;
  }

  get writerCount(): number {
    return this.#document?.writerCount ?? 0;
  }
}

/** The copies of one world: equal ones are one view, and each is read once. */
export class Views {
  readonly #copies = new Map<string, CopyView>();
  readonly #documents = new Map<string, DocumentView>();
  readonly #over = new CopyView("", undefined, 0, undefined);

  /** The very same view for copies that are equal byte by byte, but for touches. */
  of({ envelope, document }: SessionRecord): CopyView {
    if (envelope.ended !== undefined || document === undefined) return this.#over;
    const said = JSON.stringify({ ...envelope, touchedAtMs: 0 });
    const name = nameOf(document);
    const known = this.#copies.get(said + name);
    if (known !== undefined) return known;
    const view = new CopyView(said, this.#document(name, document), document.bytes.length, envelope.successor?.atMs);
    this.#copies.set(said + name, view);
    return view;
  }

  /** The writes that a copy has. */
  marksIn({ document }: SessionRecord): ReadonlySet<unknown> {
    if (document === undefined) return new Set();
    const { marks } = this.#document(nameOf(document), document).plain;
    return marks instanceof Set ? marks : new Set();
  }

  #document(name: string, document: DocumentRecord): DocumentView {
    const view = this.#documents.get(name) ?? new DocumentView(document);
    this.#documents.set(name, view);
    return view;
  }
}

/** All that there is of a document, as text: no two have one name. */
function nameOf({ epoch, bytes }: DocumentRecord): string {
  return `${epoch.counter} ${epoch.hash} ${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")}`;
}

/** A plain value as text; equal values have equal texts. */
export function textOf(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) => {
    if (part instanceof Set) return { set: [...part] };
    if (part instanceof Map) return { map: [...part] };
    return part;
  });
}

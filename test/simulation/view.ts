import { digestOf } from "../../src/engine/compaction.ts";
import { DEFAULT_LIMITS } from "../../src/engine/limits.ts";
import { toHex } from "../../src/engine/containers.ts";
import { SessionDocument } from "../../src/engine/document.ts";
import type { SessionRecord } from "../../src/engine/record.ts";
import { WRITER_MIN } from "../../src/engine/update-reader.ts";
import { plainOf } from "../../src/engine/view.ts";
import { sha256 } from "../support/manual-runtime.ts";

const CONTEXT = { sha256, limits: DEFAULT_LIMITS, writer: () => WRITER_MIN, newWriter: () => WRITER_MIN, drawWriter: () => WRITER_MIN };

/** What a copy of a session says, for comparison with others. */
export interface CopyView {
  readonly isOver: boolean;
  /** Equal exactly for copies that say the same, but for touches. */
  readonly digest: string;
  readonly plain: Readonly<Record<string, unknown>>;
  /** Encoded size, and how many wrote it. */
  readonly bytes: number;
  /** What a compaction would make of it. */
  readonly compactBytes: number;
  readonly writerCount: number;
}

export function viewOf({ envelope, document }: SessionRecord): CopyView {
  if (envelope.ended !== undefined || document === undefined)
    return { isOver: true, digest: "over", plain: {}, bytes: 0, compactBytes: 0, writerCount: 0 };
  const loaded = SessionDocument.load(CONTEXT, document);
  const plain = plainOf(loaded.root(0)) as Record<string, unknown>;
  // Of touches the newest counts, and they are told apart from everything else (RP, "touch").
  const said = JSON.stringify({ ...envelope, touchedAtMs: 0 });
  const { epoch } = document;
  const digest = `${said} ${epoch.counter} ${epoch.hash} ${toHex(digestOf(loaded.parts().table, sha256))} ${textOf(plain)}`;
  return {
    isOver: false,
    digest: toHex(sha256(new TextEncoder().encode(digest))).slice(0, 16),
    plain,
    bytes: document.bytes.length,
    compactBytes: loaded.genesis().bytes.length,
    writerCount: loaded.vector.size,
  };
}

/** The writes that a copy has. */
export function marksIn({ document }: SessionRecord): ReadonlySet<unknown> {
  if (document === undefined) return new Set();
  const { marks } = plainOf(SessionDocument.load(CONTEXT, document).root(0)) as Record<string, unknown>;
  return marks instanceof Set ? marks : new Set();
}

/** A plain value as text; equal values have equal texts. */
export function textOf(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) => {
    if (part instanceof Set) return { set: [...part] };
    if (part instanceof Map) return { map: [...part] };
    return part;
  });
}

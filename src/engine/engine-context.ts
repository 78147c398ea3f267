import type { DocumentContext } from "./document.ts";
import type { Limits } from "./limits.ts";
import type { WriterId } from "./record.ts";
import type { Runtime } from "./runtime.ts";
import { WRITER_MAX, WRITER_MIN } from "./update-reader.ts";

/** What the documents of one engine are made with: as whom it writes, above all. */
export function engineContext(runtime: Runtime, limits: Limits): DocumentContext {
  const drawWriter = (): WriterId => {
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = runtime.randomBytes(5);
    return WRITER_MIN + ((a * 2 ** 32 + b * 2 ** 24 + c * 2 ** 16 + d * 2 ** 8 + e) % (WRITER_MAX - WRITER_MIN + 1));
  };
  let writer = drawWriter();
  return {
    sha256: (data) => runtime.sha256(data),
    limits,
    writer: () => writer,
    newWriter: () => (writer = drawWriter()),
    drawWriter,
  };
}

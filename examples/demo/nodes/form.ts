import type { IncomingMessage } from "node:http";

/** The fields of a posted form. Rejects with status 413 beyond `bytesMax`. */
export async function formOf(request: IncomingMessage, bytesMax: number): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let byteCount = 0;
  for await (const chunk of request) {
    byteCount += (chunk as Buffer).length;
    if (byteCount > bytesMax) throw Object.assign(new Error("The form is too large."), { status: 413 });
    chunks.push(chunk as Buffer);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}

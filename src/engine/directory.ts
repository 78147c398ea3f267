import type { Envelope } from "./envelope.ts";
import type { SessionKey, SubjectKey } from "./record.ts";
import type { Registry } from "./registry.ts";
import type { SessionStore } from "./session-store.ts";

/**
 * Envelopes of the sessions that this process holds or finds in its store, of one subject or of all, ended ones too. What begins or
 * ends meanwhile may or may not be among them.
 */
export async function* envelopesOf(registry: Registry, store: SessionStore, subject: SubjectKey | undefined): AsyncIterable<Envelope> {
  const isMeant = (envelope: Envelope): boolean => subject === undefined || envelope.subject === subject;
  const seen = new Set<SessionKey>();
  // What is in memory is newer than what rests.
  for (const { key, envelope } of Array.from(registry.hotSessions)) {
    seen.add(key);
    if (isMeant(envelope)) yield envelope;
  }
  for await (const key of store.keys(subject)) {
    if (seen.has(key)) continue;
    const envelope = registry.hot(key)?.envelope ?? (await store.load(key))?.envelope;
    if (envelope !== undefined && isMeant(envelope)) yield envelope;
  }
}

import type { Envelope } from "./envelope.ts";
import type { EventHub } from "./event-hub.ts";
import type { SessionKey, SubjectKey } from "./record.ts";
import type { Registry } from "./registry.ts";
import type { SessionStore } from "./session-store.ts";

/**
 * Envelopes of the sessions that this process holds or finds in its store, of one subject or of all, ended ones too. What begins or
 * ends meanwhile may or may not be among them. A record that cannot be read hides no other; an event tells.
 */
export async function* envelopesOf(
  registry: Registry,
  store: SessionStore,
  subject: SubjectKey | undefined,
  events: EventHub,
): AsyncIterable<Envelope> {
  const isMeant = (envelope: Envelope | undefined): envelope is Envelope =>
    envelope !== undefined && (subject === undefined || envelope.subject === subject);
  const seen = new Set<SessionKey>();
  // What is in memory is newer than what rests. A copy: looking at a session moves it.
  for (const { key, envelope } of Array.from(registry.hotSessions)) {
    seen.add(key);
    if (isMeant(envelope)) yield envelope;
  }
  for await (const key of store.keys(subject)) {
    if (seen.has(key)) continue;
    seen.add(key);
    const envelope = registry.hot(key)?.envelope ?? (await loaded(store, key, events));
    if (isMeant(envelope)) yield envelope;
  }
}

async function loaded(store: SessionStore, key: SessionKey, events: EventHub): Promise<Envelope | undefined> {
  try {
    return (await store.load(key))?.envelope;
  } catch (error) {
    events.emit({ type: "store-failed", error });
    return undefined;
  }
}

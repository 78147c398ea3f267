import { byTestsOf, edit, type SourceMutant } from "./mutant.ts";

const REPLICATOR = "src/sync/replicator.ts";
const EXCHANGE = "src/sync/exchange.ts";
const MEMBERSHIP_TEST = "src/sync/membership.test.ts";
const GREETING = "src/sync/greeting.ts";
const GREETING_TEST = "src/sync/greeting.test.ts";
const CORE_TEST = "src/sync/relay-core.test.ts";
const CONTRACT_TEST = "test/integration/relay-contract.test.ts";
const LINK_TEST = "test/integration/sync-link.test.ts";
const MEMBERS_TEST = "test/integration/relays-members.test.ts";
const WEBSOCKET = "src/sync/websocket-transport.ts";
const WEBSOCKET_TEST = "test/integration/websocket-transport.test.ts";
const BYTES_TEST = "src/sync/messages/protocol-bytes.test.ts";
const QUORUM_TEST = "test/property/claim-quorum.property.test.ts";

/** The laws of replication, transport and relays, one by one: caught by contracts, unit tests, and tests on real sockets. */
export const RELAY_MUTANTS: readonly SourceMutant[] = [
  byTestsOf("RP3", CONTRACT_TEST, "a question that nobody answers is waited for without end", [
    edit(
      "src/sync/pending-fetches.ts",
      "this.#runtime.setTimer(this.#timeoutMs, () => pending.settle());",
      "this.#runtime.setTimer(100 * this.#timeoutMs, () => pending.settle());",
    ),
  ]),
  byTestsOf("RP4", CONTRACT_TEST, "the acks of an end are not waited for", [
    edit(
      REPLICATOR,
      "holder.tellUntilAcked(key, frame);\n    return this.#delivered(key, this.#connected());",
      "holder.tellUntilAcked(key, frame);\n    return this.#delivered(key, []);",
    ),
  ]),
  byTestsOf("RP5", CONTRACT_TEST, "closing leaves the connections", [
    edit(
      "src/sync/holder.ts",
      "    this.send(encodeDrain());\n    return this.#link.close();",
      "    this.send(encodeDrain());\n    return Promise.resolve();",
    ),
  ]),
  byTestsOf("RP6", CONTRACT_TEST, "what was sent counts as delivered", [
    edit("src/sync/deliveries.ts", "    if (acks >= wanted) return Promise", "    if (acks >= 0) return Promise"),
  ]),
  byTestsOf("RP7", LINK_TEST, "whoever waits for a relay that was cut off waits in vain", [
    edit(
      "src/sync/deliveries.ts",
      "if (waitingFor.has(holder)) waitingFor.set(holder, Number.POSITIVE_INFINITY);",
      "waitingFor.delete(holder);",
    ),
  ]),
  byTestsOf("RP10", LINK_TEST, "acks are held back for half a second", [
    edit("src/sync/ack-ledger.ts", "const ACK_DELAY_MS = 50;", "const ACK_DELAY_MS = 500;"),
  ]),
  byTestsOf("RP11", LINK_TEST, "a reconnect sends every session whole", [
    edit(EXCHANGE, "      if (ours === fingerprint && interest.has(key)) continue;\n", ""),
    edit(EXCHANGE, "      interest.add(key);\n      if (ours === fingerprint) continue;\n", "      interest.add(key);\n"),
  ]),
  byTestsOf("TR1", WEBSOCKET_TEST, "every message goes out twice", [
    edit(
      WEBSOCKET,
      "    this.#socket.send(bytes, this.#afterWrite);\n",
      "    this.#socket.send(bytes, this.#afterWrite);\n    this.#socket.send(bytes);\n",
    ),
  ]),
  byTestsOf("TR2", WEBSOCKET_TEST, "a message leaves in the next turn", [
    edit(
      WEBSOCKET,
      "    this.#socket.send(bytes, this.#afterWrite);\n",
      "    setImmediate(() => this.#socket.send(bytes, this.#afterWrite));\n",
    ),
  ]),
  byTestsOf("TR3", WEBSOCKET_TEST, "messages come after the connection was ended here", [
    edit(WEBSOCKET, "if (!this.#isEnded) listener.onMessage(", "listener.onMessage("),
  ]),
  byTestsOf("TR4", WEBSOCKET_TEST, "nothing is ever queued", [
    edit(WEBSOCKET, "return this.#socket.bufferedAmount;", "return 0 * this.#socket.bufferedAmount;"),
  ]),
  byTestsOf("SY2", "src/sync/messages/messages.test.ts", "an ack does not say whether it lasts", [
    edit("src/sync/messages/ack.ts", "writeUint8(encoder, message.durable ? 1 : 0);", "writeUint8(encoder, 1);"),
  ]),
  byTestsOf("SY4", "src/sync/link-state.test.ts", "a silent peer is never given up", [
    edit(
      "src/sync/link-state.ts",
      'event.kind === "lost" || isPast(state.deadAtMs, event, nowMs)) return',
      'event.kind === "lost") return',
    ),
  ]),
  byTestsOf("SY6", CONTRACT_TEST, "a state wins over an end, if it comes first", [
    edit(REPLICATOR, "found.find(({ envelope }) => envelope.ended !== undefined) ?? first;", "first;"),
  ]),
  byTestsOf("SY7", "test/integration/security.test.ts", "a key begins with its id", [
    edit(
      "src/engine/session-id.ts",
      "return keyFromBytes(runtime.sha256(`sid\\0${id}`).subarray(0, KEY_BYTES));",
      "return id.length < 54 ? keyFromBytes(runtime.sha256(`sid\\0${id}`).subarray(0, KEY_BYTES)) : id;",
    ),
  ]),
  byTestsOf("SY10", LINK_TEST, "two sides are compared every ten seconds", [
    edit("src/sync/digest-exchange.ts", "export const DIGEST_INTERVAL_MS = 1_000;", "export const DIGEST_INTERVAL_MS = 10_000;"),
  ]),
  byTestsOf("SY11", LINK_TEST, "a quiet link is compared ten times a second", [
    edit("src/sync/digest-exchange.ts", "export const DIGEST_INTERVAL_MS = 1_000;", "export const DIGEST_INTERVAL_MS = 100;"),
  ]),
  byTestsOf("SY12", LINK_TEST, "what was dropped is not sent again", [
    edit("src/sync/holder.ts", "onCaughtUp: () => this.#caughtUp(),", "onCaughtUp: () => undefined,"),
    edit("src/sync/holder.ts", "        this.#tellMissing();\n      },\n", "      },\n"),
  ]),
  byTestsOf("SY13", BYTES_TEST, "an ack means the opposite by its flag", [
    edit("src/sync/messages/ack.ts", "writeUint8(encoder, message.durable ? 1 : 0);", "writeUint8(encoder, message.durable ? 0 : 1);"),
  ]),
  byTestsOf("SY14", BYTES_TEST, "a change names its session five times", [
    edit(
      "src/sync/messages/change.ts",
      "  writeKey(encoder, message.key);\n",
      "  for (let times = 0; times < 5; times++) writeKey(encoder, message.key);\n",
    ),
  ]),
  byTestsOf("SY15", "src/sync/expected-states.test.ts", "what somebody waits for comes in its turn", [
    edit("src/sync/expected-states.ts", "if (asked !== undefined) asked.askNow(key);\n    else {", "if (asked === undefined) {"),
  ]),
  byTestsOf("SY20", MEMBERS_TEST, "a relay tells its nodes alone", [
    edit(
      "src/sync/relay-hub.ts",
      "for (const peer of this.#watchersOf(key)) if (peer !== from) peer.send(frame);\n    for (const relay of this.#otherRelays(from)) relay.send(frame);",
      "for (const peer of this.#watchersOf(key)) if (peer !== from) peer.send(frame);",
    ),
  ]),
  byTestsOf("SY21", MEMBERS_TEST, "relays that meet ask each other, and do not tell", [
    edit(EXCHANGE, "      if (ours !== 0) this.#states.add(key);\n      else {", "      if (ours === 0) {"),
  ]),
  byTestsOf("SY22", CORE_TEST, "an end is acknowledged, and handed on to nobody", [
    edit(
      EXCHANGE,
      "if (!this.#isClosed && fingerprints.of(key) !== before) passOn(key, bytes);",
      "if (this.#isClosed && fingerprints.of(key) !== before) passOn(key, bytes);",
    ),
  ]),
  byTestsOf("SY23", "src/sync/completeness.test.ts", "one relay that has not joined may say that there is none", [
    edit("src/sync/completeness.ts", "  if (!isComplete) return false;\n", "  if (!isComplete && nowMs < 0) return false;\n"),
  ]),
  byTestsOf("SY24", MEMBERSHIP_TEST, "a relay has joined when it met one of the others", [
    edit("src/sync/membership.ts", "if (this.#awaited.size > 0) return false;", "this.#awaited.clear();"),
  ]),
  byTestsOf("SY25", MEMBERSHIP_TEST, "a relay that is lost is no loss", [
    edit("src/sync/membership.ts", "if (!isDrained) this.#losses.set(incarnation, nowMs);", ""),
  ]),
  byTestsOf("SY27", "test/integration/relays-engines.test.ts", "an application hears of no relay that came", [
    edit(REPLICATOR, 'this.#options.emit({ type: "member-joined", member: address });', ""),
  ]),
  byTestsOf("SY28", QUORUM_TEST, "half of the relays are a majority", [
    edit("src/sync/claim-quorum.ts", "Math.floor(options.relayCount / 2) + 1;", "Math.max(1, Math.floor(options.relayCount / 2));"),
  ]),
  byTestsOf("SY29", QUORUM_TEST, "a claim needs every relay", [
    edit("src/sync/claim-quorum.ts", "Math.floor(options.relayCount / 2) + 1;", "options.relayCount;"),
  ]),
  byTestsOf("SY32", GREETING_TEST, "a relay meets itself", [
    edit(GREETING, "if (Buffer.compare(frame.relayId, this.#dialer.id) === 0) throw", "if (frame.relayId.length === 0) throw"),
  ]),
  byTestsOf("SY33", GREETING_TEST, "what a relay says it knows is not signed", [
    edit("src/sync/authentication.ts", "    writeStatus(encoder, standing.status);\n", ""),
  ]),
  byTestsOf("SY34", GREETING_TEST, "every older version is served", [
    edit(GREETING, "if (version < oldest || version > newest)", "if (version < oldest - 1_000 || version > newest)"),
  ]),
  byTestsOf("SY35", CORE_TEST, "a relay speaks for the others up to now", [
    edit("src/sync/relay-peer.ts", "heardUntilMs: this.#options.members.heardUntilMs() };", "heardUntilMs: undefined };"),
  ]),
];

import { IDLE } from "./envelope-mutants.ts";
import { edit, type SourceMutant } from "./mutant.ts";

const ACKED = { alone: "refuse", acks: 1, degraded: "serve" } as const;

/** What nodes and relays say to each other: at least one for each kind of frame. */
export const SYNC_MUTANTS: readonly SourceMutant[] = [
  {
    name: "every relay is past its join barrier",
    laws: ["R4"],
    edits: [
      edit("src/sync/membership.ts", "return this.#awaited.size === 0;", "return this.#awaited.size >= 0;"),
      edit("src/sync/membership.ts", "completeSinceMs: Math.max(this.#baseSinceMs, ...losses),", "completeSinceMs: 0,"),
    ],
    options: { world: { relays: 1, relayDisks: false, sync: ACKED }, troubles: { crashRelay: 40 } },
  },
  {
    name: "a challenge is not looked at: whoever dials is let in",
    laws: ["SY1"],
    message: "hello",
    edits: [
      edit(
        "src/sync/greeting.ts",
        'if (!macMatches(frame.mac, secret, said)) throw new ProtocolError("notAuthenticated", "who dialed does not know the secret");',
        "",
      ),
    ],
    test: { project: "unit", file: "src/sync/greeting.test.ts", title: "[SY1] refuses a node with another secret" },
  },
  {
    name: "whoever answers is taken for the relay",
    laws: ["SY1"],
    message: "welcome",
    edits: [
      edit("src/sync/greeting.ts", "if (!macMatches(frame.mac, secret, transcript, frame.standing)) {", "if (frame.mac.length === 0) {"),
    ],
    test: { project: "unit", file: "src/sync/greeting.test.ts", title: "[SY1] refuses a relay that does not know the secret" },
  },
  {
    name: "a challenge offers no version that is served",
    laws: ["D1", "RP3"],
    message: "challenge",
    edits: [
      edit(
        "src/sync/greeting.ts",
        "this.challenge = encodeChallenge({ version: versions.newest, relayId",
        "this.challenge = encodeChallenge({ version: 0, relayId",
      ),
    ],
    options: { requests: 40, rounds: 1 },
  },
  {
    name: "pings are not answered",
    laws: ["K10"],
    message: "pong",
    edits: [
      edit(
        "src/sync/relay-peer.ts",
        "this.#socket.sendControl(encodePong({ token, nowMs: answerMs ?? runtime.nowMs(), hasToldAll }));",
        "",
      ),
    ],
    // In the simulation most clocks are right, and digests keep the line alive.
    test: { project: "integration", file: "test/integration/relay-clock.test.ts", title: "[K10] knows what time it is within a second" },
  },
  {
    name: "a node does not ping",
    laws: ["K10"],
    message: "ping",
    edits: [edit("src/sync/link.ts", "this.#socket?.sendControl(encodePing({", "void (({")],
    test: { project: "integration", file: "test/integration/relay-clock.test.ts", title: "[K10] knows what time it is within a second" },
  },
  {
    name: "a relay lets nobody watch",
    laws: ["RP2"],
    message: "watch",
    edits: [
      edit(
        "src/sync/exchange.ts",
        "for (const { key } of sessions) this.#options.interest.add(key);\n    this.#compare(sessions, true);",
        "",
      ),
    ],
    // Digests make up for it a second later.
    test: {
      project: "integration",
      file: "test/integration/relay-frames.test.ts",
      title: "passes a change on as it came, to who watches, and not back",
    },
  },
  {
    name: "a relay tells a node of sessions that it let go of",
    laws: ["SY3"],
    message: "unwatch",
    edits: [edit("src/sync/relay-peer.ts", "this.watched.delete(key);\n    this.#options.hub.unwatch(key, this);", "void key;")],
    test: { project: "integration", file: "test/integration/relay-frames.test.ts", title: "[SY3] passes nothing on after unwatch" },
  },
  {
    name: "a relay does not answer who asks for a session",
    laws: ["RP3", "R4"],
    message: "fetch",
    edits: [edit("src/sync/relay-peer.ts", "return this.#fetch(frame);", "return undefined;")],
    options: { requests: 100 },
  },
  {
    name: "a node takes what was found for nothing",
    laws: ["RP3", "R4"],
    message: "fetched",
    edits: [
      edit(
        "src/sync/holder.ts",
        'else if (frame.kind === "fetched") this.#options.onFetched(this, frame);',
        'else if (frame.kind === "fetched") this.#options.onFetched(this, { ...frame, answer: { kind: "absent", heardUntilMs: undefined } });',
      ),
    ],
    options: { requests: 100 },
  },
  {
    name: "a relay takes in no state",
    laws: ["D1", "RP8", "AK1", "AK2"],
    message: "state",
    edits: [
      edit(
        "src/sync/exchange.ts",
        'case "state":\n        return this.#receiveState(frame, bytes);',
        'case "state":\n        return this.numbered("state", frame.record.envelope.key, false, () => Promise.resolve(true));',
      ),
    ],
    options: { requests: 100 },
  },
  {
    name: "changes are acknowledged and not taken in",
    laws: ["RP8", "D1"],
    message: "change",
    edits: [
      edit(
        "src/sync/exchange.ts",
        "replica.receiveChange(key, change).then((receipt)",
        'Promise.resolve("duplicate" as const).then((receipt)',
      ),
    ],
    options: { world: { sync: ACKED } },
  },
  {
    name: "changes go to one relay and to nobody from there",
    laws: ["RP1"],
    alone: "RP1",
    message: "change",
    edits: [
      edit(
        "src/sync/exchange.ts",
        'case "applied":\n        if (!this.#isClosed) this.#options.passOn(key, bytes);\n        return true;',
        'case "applied":\n        return true;',
      ),
    ],
    options: { browsers: 4, requests: 100, world: { nodes: 3, relays: 1, sync: ACKED } },
  },
  {
    name: "touches are sent to nobody",
    laws: ["E9", "R4"],
    message: "touch",
    edits: [edit("src/sync/replicator.ts", "if (this.#closing === undefined) this.#touches.add(key, touchedAtMs);", "")],
    options: { ...IDLE, browsers: 10, requests: 200, world: { briefShare: 1, nodes: 3 } },
  },
  {
    name: "an end is told to nobody",
    laws: ["E8", "E6", "D1", "RP9", "RP1"],
    message: "end",
    edits: [
      edit(
        "src/sync/replicator.ts",
        "for (const holder of this.#holders) holder.tellUntilAcked(key, frame);\n    return this.#delivered(key, this.#connected());",
        "return this.#delivered(key, this.#connected());",
      ),
    ],
  },
  {
    name: "a relay acknowledges before it has stored",
    laws: ["RP8"],
    alone: "RP8",
    edits: [
      edit(
        "src/sync/exchange.ts",
        "const storing = this.#options.replica.stored(key);",
        "const storing = undefined as Promise<void> | undefined;",
      ),
    ],
    options: { world: { relays: 2, relayDisks: true, sync: ACKED }, troubles: { slowDisk: 40 } },
  },
  {
    name: "a relay acknowledges nothing",
    laws: ["RP9", "RP3"],
    alone: "RP9",
    message: "ack",
    edits: [
      edit(
        "src/sync/ack-ledger.ts",
        "send(encodeAck({ number, durable: isDurable(), missed }));",
        "void encodeAck({ number, durable: isDurable(), missed });",
      ),
    ],
    options: { requests: 100 },
  },
  {
    name: "an ack says too much",
    laws: ["SY2", "D1", "RP8", "AK1"],
    message: "ack",
    edits: [
      edit(
        "src/sync/ack-ledger.ts",
        "send(encodeAck({ number, durable: isDurable(), missed }));",
        "send(encodeAck({ number: number + 1_000, durable: isDurable(), missed: [] }));",
      ),
    ],
    options: { world: { relays: 2, sync: ACKED }, troubles: { slow: 30, cut: 20 } },
  },
  {
    name: "an ack has a flag that nobody knows",
    laws: ["SY2"],
    message: "ack",
    edits: [edit("src/sync/messages/ack.ts", "writeUint8(encoder, message.durable ? 1 : 0);", "writeUint8(encoder, 2);")],
    options: { requests: 60 },
  },
  {
    name: "who is asked for a state says nothing",
    laws: ["D1", "SY10", "RW6", "AK1"],
    message: "ask-state",
    edits: [
      edit(
        "src/sync/exchange.ts",
        'case "ask-state":\n        return this.#tellStates(frame.keys);',
        'case "ask-state":\n        return undefined;',
      ),
    ],
    // Digests make up for it.
    test: {
      project: "integration",
      file: "test/integration/relay-frames.test.ts",
      title: "asks for the state once when a burst of changes cannot be applied, and answers when it is asked",
    },
  },
  {
    name: "digests are not answered",
    laws: ["D1", "RP3"],
    message: "digest",
    edits: [edit("src/sync/exchange.ts", "this.#digests.receive(frame);", "void frame;")],
  },
  {
    name: "revocations are sent to nobody",
    laws: ["SY30"],
    message: "revoke",
    edits: [
      edit(
        "src/sync/replicator.ts",
        "this.#registers?.raised(subject, notBeforeMs);\n    for (const holder of this.#holders) holder.tellUntilAcked(id, frame);",
        "void frame;",
      ),
    ],
    test: {
      project: "integration",
      file: "test/integration/relays-members.test.ts",
      title: "[SY30] revokes on all of them, with their acks",
    },
  },
  {
    name: "a claim is not answered",
    laws: ["C1"],
    message: "claim",
    edits: [edit("src/sync/relay-peer.ts", "return this.#claim(frame);", "return undefined;")],
    options: { requests: 60 },
  },
  {
    name: "a refusal is taken for a grant",
    laws: ["C1", "C2"],
    message: "claimed",
    edits: [edit("src/sync/claim-quorum.ts", 'if (answer.kind === "granted") round.tally.granted += 1;', "round.tally.granted += 1;")],
    options: { mix: { claim: 40, once: 40 } },
  },
  {
    name: "a job runs without a lease",
    laws: ["C2"],
    edits: [
      edit("src/engine/claims.ts", "if (answer === true) return nowMs + leaseMs;", 'if (answer !== "expired") return nowMs + leaseMs;'),
    ],
    options: { browsers: 3, mix: { once: 80, claim: 0 } },
  },
  {
    name: "a node goes by what its relays said in the greeting",
    laws: ["SY23", "SY35"],
    message: "status",
    edits: [edit("src/sync/holder.ts", "if (this.#relay !== undefined) this.#relay = { ...this.#relay, status: frame.status };", "")],
    // No world of twelve showed it.
    test: {
      project: "integration",
      file: "test/integration/relays-members.test.ts",
      title: "[SY23] does not believe it of one that lost another, until that one is back",
    },
  },
  {
    name: "a relay that stops counts as lost",
    laws: ["SY26"],
    message: "drain",
    edits: [edit("src/sync/companion.ts", "members.drained(this);\n        return undefined;", "return undefined;")],
    test: {
      project: "integration",
      file: "test/integration/relays-members.test.ts",
      title: "[SY26] lose nothing when one of them says that it stops",
    },
  },
  {
    name: "a queue has no bound",
    laws: ["SY5"],
    edits: [
      edit(
        "src/sync/frame-socket.ts",
        "if (this.#connection.queuedBytes + frame.length > QUEUE_BYTES_MAX) {",
        "if (this.#connection.queuedBytes + frame.length > 64 * QUEUE_BYTES_MAX) {",
      ),
    ],
    test: {
      project: "integration",
      file: "test/integration/relay-hostile.test.ts",
      title: "[SY5] has no more than 16 MiB queued when it does not read",
    },
  },
  {
    name: "on real sockets: a relay has joined before it has met the others",
    laws: ["SY24"],
    edits: [edit("src/sync/membership.ts", "return this.#awaited.size === 0;", "return this.#awaited.size >= 0;")],
    test: {
      project: "integration",
      file: "test/integration/relay-guards.test.ts",
      title: "[SY24] says that it has not joined while a relay that it dials is away",
      startsRelays: true,
    },
  },
  {
    name: "on real sockets: a change is taken in over a gap",
    laws: ["RP8", "D3"],
    message: "change",
    edits: [
      edit("src/engine/intake.ts", "const isNext = (table.vector.get(change.writer) ?? 0) === change.previousStamp && ", "const isNext = "),
    ],
    test: {
      project: "integration",
      file: "test/integration/relay-guards.test.ts",
      title: "[RP8] [D3] takes in no change with a gap before it",
      startsRelays: true,
    },
  },
];

import { Calm } from "./calm.ts";
import { copiesOf, differByFingerprint, differences, judgeCopies, judgeProcesses } from "./checkers.ts";
import { Dice } from "./dice.ts";
import { History, type Incident, type Tally, type Violation } from "./history.ts";
import { ListenerFailed, type Seams } from "./members.ts";
import { Nemesis } from "./nemesis.ts";
import { drawMix, drawTroubles } from "./swarm.ts";
import { TimeStopped } from "./timeline.ts";
import type { Troubles } from "./troubles.ts";
import { Watch } from "./watch.ts";
import { type Mix, Workload } from "./workload.ts";
import { World, type WorldOptions } from "./world.ts";

/**
 * From the moment when every way is open again until all copies are one. A link that died without a word is noticed after 6 s, a
 * greeting that never came after 10 s, and the next dial follows within 5 s; what stands open needs 2 s.
 */
const HEAL_BOUND_MS = 25_000;
const POLL_MS = 250;
/** A line that died without a word is given up after 6 s, and the next one stands soon after. */
const DEAD_LINE_MS = 9_000;
const LAST_WRITERS = 4;
/** A clock is off by less than half of what two may differ by (ε is 2 s), since they also drift. */
const SKEW_MS_MAX = 900;
/** No request takes longer, whatever is broken: a job's wait and its run are the longest. */
const REQUEST_MS_MAX = 15_000;

/** Each is two operations, or one: more than a world that did nothing else would need. */
const FILL_TURNS_MAX = 1_000;

export interface SimulationOptions {
  /** Requests in all. */
  readonly requests: number;
  readonly rounds: number;
  /** How long one round of troubles lasts. */
  readonly roundMs: number;
  readonly faultsPerRound: number;
  /** Instead of what the seed draws. */
  readonly mix?: Partial<Mix>;
  readonly troubles?: Partial<Troubles>;
  readonly world?: Partial<WorldOptions>;
  readonly seams?: Seams;
  /** Default 12. With fewer each session is written more often. */
  readonly browsers?: number;
  readonly onTrace?: (line: string) => void;
  /** By number, the only faults and requests of the seed that happen. Default: all. */
  readonly onlyFaults?: ReadonlySet<number>;
  readonly onlyRequests?: ReadonlySet<number>;
  /** What the requests must come to: where chance makes less of them, more are asked for. Default 0: whatever they come to. */
  readonly operations?: number;
  /** So many kinds of faults strike at least. Default: as many as chance has it. */
  readonly faultKinds?: number;
  /** Nothing happens after the first violation. */
  readonly isStopping?: boolean;
}

/** A world as mutants are planted in. */
export const CI_RUN: SimulationOptions = { requests: 320, rounds: 2, roundMs: 10_000, faultsPerRound: 7 };
/** A world of the proof: so much is done and broken in each, whatever its seed draws. */
export const PROOF_RUN = { ...CI_RUN, requests: 140, operations: 500, faultKinds: 3 } satisfies SimulationOptions;

export interface Report {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly tally: Tally;
  /** Equal for two runs of one seed. */
  readonly digest: string;
  readonly happenings: number;
  /** All that the seed made happen, in order. */
  readonly incidents: readonly Incident[];
  readonly virtualMs: number;
}

/** One world from its beginning to its end. What is in it, and what happens to it, follows from the seed. */
export async function simulate(seed: number, options: SimulationOptions): Promise<Report> {
  const { operations = 0 } = options;
  const dice = new Dice(seed).for("world");
  const relays = dice.weighted({ 1: 2, 2: 5, 3: 2 });
  const relayCount = Number(relays);
  const worldOptions: WorldOptions = {
    nodes: dice.whole(2, 4),
    relays: relayCount,
    relayDisks: dice.chance(0.4),
    nodeDisks: dice.chance(0.3),
    // Any two clocks may differ by twice that.
    skewMsMax: dice.chance(0.4) ? 0 : dice.between(0, SKEW_MS_MAX),
    sync: {
      alone: dice.chance(0.5) ? "refuse" : "serve",
      acks: dice.whole(0, relayCount),
      degraded: dice.chance(0.5) ? "serve" : "fail",
    },
    ...options.world,
    ...(options.seams === undefined ? {} : { seams: options.seams }),
  };
  const world = new World(seed, worldOptions);
  const { timeline } = world;
  if (options.onTrace !== undefined) timeline.onTrace(options.onTrace);
  const history = new History(
    () => timeline.nowMs,
    (line) => timeline.trace(line),
    () => timeline.count,
  );
  world.onDeath = (member) => {
    // A relay that stores has stored what it acknowledged.
    if (member.kind === "node" || member.disk === undefined) history.lost(member);
  };
  if (options.isStopping === true) history.onViolation = () => timeline.stop();
  const mix = { ...drawMix(dice.for("mix")), ...options.mix };
  const workload = new Workload(world, history, mix, options.browsers ?? 12, options.onlyRequests);
  const nemesis = new Nemesis(world, history, {
    troubles: { ...drawTroubles(dice.for("troubles"), worldOptions), ...options.troubles },
    relayLosses: dice.chance(0.8) ? 1 : 2,
    nodeLosses: 2,
    skewMsMax: worldOptions.skewMsMax,
    only: options.onlyFaults,
    rounds: options.rounds,
    kindsMin: options.faultKinds ?? 0,
  });
  const watch = new Watch(world, history);
  try {
    await world.start();
    watch.start();
    // Before it is known: each browser reads at each node, and writes.
    let calmOperations = workload.browsers.length * (world.nodes.length + 1);
    for (let round = 0; round < options.rounds; round++) {
      const requests = Math.ceil(options.requests / options.rounds);
      timeline.trace(`round ${round + 1}`);
      workload.isCalm = false;
      const roundsLeft = options.rounds - round;
      const lacking = operations - history.tally.operations - roundsLeft * calmOperations;
      const workUntilMs = timeline.nowMs + options.roundMs;
      const work = workload.run(requests, options.roundMs, operations === 0 ? 0 : Math.max(1, lacking / roundsLeft));
      await timeline.runUntil(nemesis.run(options.faultsPerRound, options.roundMs), options.roundMs + 1_000);
      timeline.trace("heal");
      await timeline.runUntil(nemesis.heal(), REQUEST_MS_MAX);
      // The last fault may have come long before the last request.
      await timeline.runUntil(work, Math.max(0, workUntilMs - timeline.nowMs) + REQUEST_MS_MAX);
      if (!(await converge(world, history))) break;
      workload.isCalm = true;
      const before = history.tally.operations;
      await finish(world, history, workload);
      calmOperations = history.tally.operations - before;
    }
    if (workload.isCalm) {
      if (options.onlyRequests === undefined) await fill(world, history, workload, operations);
      await rest(world, history, workload);
    }
    judgeProcesses(world, history, (options.troubles?.wildFrames ?? 0) > 0);
  } catch (error) {
    if (!(error instanceof TimeStopped))
      history.expect(
        error instanceof ListenerFailed ? "N2" : "RP3",
        false,
        () =>
          `the world failed (${[...workload.pending].join("; ")}): ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
  } finally {
    watch.stop();
    world.onDeath = () => undefined;
    world.end();
  }
  timeline.trace(JSON.stringify(history.tally));
  return {
    seed,
    violations: history.violations,
    tally: history.tally,
    digest: timeline.digest(),
    happenings: timeline.count,
    incidents: history.incidents,
    virtualMs: timeline.nowMs,
  };
}

/** All copies are one within the bound, and are what they must be. */
async function converge(world: World, history: History): Promise<boolean> {
  const { timeline } = world;
  const healedMs = timeline.nowMs;
  for (;;) {
    await timeline.runFor(POLL_MS);
    const tookMs = timeline.nowMs - healedMs;
    const isLate = tookMs > HEAL_BOUND_MS;
    if (!isLate && (!world.isWhole || differByFingerprint(world, history) !== undefined)) continue;
    const copies = await timeline.runUntil(copiesOf(world, history), 10_000);
    const found = differences(world, history, copies);
    if (found.length === 0 && world.isWhole) {
      history.tally.healMs.push(tookMs);
      timeline.trace(`one after ${tookMs} ms`);
      judgeCopies(world, history, copies);
      return true;
    }
    const first = found[0] ?? "";
    const isOne = !isLate && differByFingerprint(world, history) === undefined;
    history.expect("R14", !isOne, () => `copies differ whose fingerprints are equal: ${first}`);
    if (isLate)
      return history.expect(
        "D1",
        false,
        () =>
          `${found.length} sessions differ ${tookMs} ms after everything healed${world.isWhole ? "" : ", and not all are connected"}: ${first}`,
      );
  }
}

/** Everything works: every browser is served by every node, and what it writes is everywhere. */
async function finish(world: World, history: History, workload: Workload): Promise<void> {
  const { timeline } = world;
  const calm = new Calm(world, history);
  for (const browser of workload.browsers) {
    for (const node of world.nodes) {
      const { note } = browser;
      if (note !== undefined) await timeline.runUntil(workload.engines.read(browser, node, note), 10_000);
    }
    const { note } = browser;
    const [node] = world.nodes;
    if (note !== undefined && node !== undefined) await timeline.runUntil(workload.engines.write(browser, node, note), 10_000);
    if (note !== undefined) calm.wrote(note);
  }
  for (const browser of workload.http.browsers) {
    for (const node of world.nodes.filter(({ declaresAll }) => declaresAll))
      await timeline.runUntil(workload.http.request(browser, node, "view", workload.calmDice), REQUEST_MS_MAX);
  }
  await claimNew(world, history, workload);
  if (!(await converge(world, history))) return;
  calm.judgeEvents();
  await calm.judgeBacklog();
}

/** What is still missing of the operations, while everything works; nothing where they were all done before. */
async function fill({ nodes, timeline }: World, { tally }: History, { browsers, engines }: Workload, operations: number): Promise<void> {
  for (let turn = 0; tally.operations < operations && turn < FILL_TURNS_MAX; turn++) {
    const [browser, node] = [browsers[turn % browsers.length], nodes[turn % nodes.length]];
    if (browser === undefined || node === undefined) return;
    const { note } = browser;
    if (note !== undefined) await timeline.runUntil(engines.write(browser, node, note), REQUEST_MS_MAX);
    else if (node.declaresAll) await timeline.runUntil(engines.create(browser, node), REQUEST_MS_MAX);
  }
}

/** Every dead line was noticed by now: what some browsers write is everywhere at once, and then nothing happens. */
async function rest(world: World, history: History, workload: Workload): Promise<void> {
  await world.timeline.runFor(DEAD_LINE_MS);
  const calm = new Calm(world, history);
  const [node] = world.nodes;
  for (const browser of workload.browsers.slice(0, LAST_WRITERS)) {
    const { note } = browser;
    if (note === undefined || node === undefined) continue;
    await world.timeline.runUntil(workload.engines.write(browser, node, note), REQUEST_MS_MAX);
    calm.wrote(note);
  }
  await calm.judgeSpread();
  await calm.judgeQuiet();
}

/** A claim in a session that every relay knows the whole life of: whoever asks alone is granted it, of those who ask at once one. */
async function claimNew(world: World, history: History, workload: Workload): Promise<void> {
  const { timeline } = world;
  const [browser] = workload.browsers;
  const node = world.nodes.find(({ declaresAll }) => declaresAll);
  if (browser === undefined || node === undefined) return;
  // Clocks may differ by so much: a relay that came back counts its own record from then on.
  await timeline.runFor(3_000);
  await timeline.runUntil(workload.engines.create(browser, node), 10_000);
  const { note } = browser;
  if (note === undefined) return;
  const alone = await timeline.runUntil(workload.engines.claim(node, note, "alone"), REQUEST_MS_MAX);
  history.expect("C1", alone === true, () => "a claim was not granted, though everybody could be asked");
  const claims = world.nodes.map((each) => workload.engines.claim(each, note, "at once"));
  const granted = await timeline.runUntil(Promise.all(claims), REQUEST_MS_MAX);
  history.expect("C1", granted.includes(true), () => "a claim was granted to none of those who asked at once");
}

import { setTimeout as pause } from "node:timers/promises";
import { Cluster, type ClusterNode } from "../cluster/cluster.ts";
import { type Answer, ask, CookieJar } from "../load/client.ts";
import type { Scenario, ScenarioContext, ScenarioResult } from "./scenario.ts";

/** Sessions that are written at the same time, each one by one. */
const WRITER_COUNT = 8;
const FIRST_WRITES_MS = 5_000;
const WRITE_MS_SPAN = 250;
/** Beyond the 500 ms that a response waits for acks, so that some are refused, and some still wait when the node dies. */
const CUT_MS_MIN = 100;
const CUT_MS_SPAN = 1_000;
/** A node may say for so long that it cannot know; then what was acknowledged counts as lost. */
const READ_MS = 10_000;
const FRAMEWORKS = ["express", "fastify", "koa"] as const;
/** Trials at the same time: while one victim is written to, others start. */
const LANE_COUNT = 4;
const PROGRESS_COUNT = 50;

interface Writer {
  readonly jar: CookieJar;
  readonly acked: string[];
  /** Responses that did not say that the write is safe. */
  refused: number;
  /** What was acknowledged after the line was cut. */
  ackedLate: number;
}

/**
 * Trials of acks: 1 with `degraded: "fail"`. A node is written to and killed in the midst of it; with `isCut` it was cut off from all relays a while before, and
 * what it had not sent by then is lost with it. What its clients were told is written, other nodes show.
 */
async function run(context: ScenarioContext, trialCount: number, isCut: boolean): Promise<ScenarioResult> {
  const cluster = await Cluster.start({ random: context.random });
  const violations: string[] = [];
  const counts = { trials: 0, ackedWrites: 0, lostAcked: 0, refusedWhileCut: 0, ackedWhileCut: 0 };
  try {
    let begunCount = 0;
    let doneCount = 0;
    const one = async (trial: number): Promise<void> => {
      const writers = await attack(await startVictim(cluster, trial), context, isCut);
      const acked = writers.reduce((sum, writer) => sum + writer.acked.length, 0);
      const refused = writers.reduce((sum, writer) => sum + writer.refused, 0);
      // A trial in which nothing was promised, or nobody was there when the line was cut, proves nothing.
      if (acked > 0 && (!isCut || refused > 0)) counts.trials += 1;
      counts.ackedWrites += acked;
      counts.refusedWhileCut += refused;
      counts.ackedWhileCut += writers.reduce((sum, writer) => sum + writer.ackedLate, 0);
      const lost = (
        await Promise.all(writers.map((writer, index) => lostFrom(cluster.node((trial + index) % cluster.nodes.length), writer)))
      ).flat();
      counts.lostAcked += lost.length;
      violations.push(...lost.map((what) => `trial ${trial}: ${what}`));
      doneCount += 1;
      if (doneCount % PROGRESS_COUNT === 0)
        context.log(`${doneCount} trials, ${counts.ackedWrites} acknowledged writes, ${counts.lostAcked} lost`);
    };
    const lane = async (): Promise<void> => {
      while (begunCount < trialCount) await one(begunCount++);
    };
    await Promise.all(Array.from({ length: LANE_COUNT }, lane));
  } finally {
    await cluster.stop();
  }
  const { trials, ...rest } = counts;
  if (trials < trialCount * 0.9) violations.push(`too little happened: ${trials} of ${trialCount} trials count`);
  return {
    violations,
    counts: { ...rest, faults: trialCount, [isCut ? "cutThenKillTrials" : "killTrials"]: trials },
    convergenceMs: [],
    healMs: [],
  };
}

function startVictim(cluster: Cluster, number: number): Promise<ClusterNode> {
  return cluster.addNode(`victim${number}`, FRAMEWORKS[number % FRAMEWORKS.length] ?? "express");
}

/** Writes, perhaps a cut, and the end of the victim. Resolves when it is gone, and what it sent has arrived, or is lost with its lines. */
async function attack(victim: ClusterNode, { random }: ScenarioContext, isCut: boolean): Promise<readonly Writer[]> {
  const state = { isOver: false, isCut: false };
  const beganAtMs = performance.now();
  const writers: Writer[] = Array.from({ length: WRITER_COUNT }, () => ({ jar: new CookieJar(), acked: [], refused: 0, ackedLate: 0 }));
  const writing = Promise.all(
    writers.map(async (writer, index) => {
      await ask(`${victim.url}/create?session=w${index}`, writer.jar, true);
      for (let count = 0; !state.isOver; count += 1) {
        const id = `${index}-${count}`;
        const beganAfterCut = state.isCut;
        const answer = await ask(`${victim.url}/push?id=${id}`, writer.jar, true);
        if (answer.status === 200) writer.acked.push(id);
        if (answer.status === 200 && beganAfterCut) writer.ackedLate += 1;
        if (answer.status !== 200 && state.isCut) writer.refused += 1;
      }
    }),
  );
  // Its first requests take a cold process a while.
  while (writers.some(({ acked }) => acked.length === 0) && performance.now() - beganAtMs < FIRST_WRITES_MS) await pause(5);
  await pause(random() * WRITE_MS_SPAN);
  if (isCut) {
    for (const proxy of victim.proxies) proxy.setWeather({ stalled: "both" });
    state.isCut = true;
    await pause(CUT_MS_MIN + random() * CUT_MS_SPAN);
  }
  state.isOver = true;
  await victim.program.kill();
  await writing;
  if (isCut) for (const proxy of victim.proxies) proxy.destroyAll();
  return writers;
}

/** What another node does not show of what was acknowledged. */
async function lostFrom(node: ClusterNode, writer: Writer): Promise<string[]> {
  if (writer.acked.length === 0) return [];
  const untilMs = performance.now() + READ_MS;
  let answer: Answer;
  do {
    answer = await ask(`${node.url}/read`, writer.jar, false);
    if (answer.status === 200 && answer.view?.born !== undefined) {
      const log = new Set(answer.view.log);
      const missing = writer.acked.filter((id) => !log.has(id));
      if (missing.length === 0) return [];
    }
    await pause(50);
  } while (performance.now() < untilMs);
  const log = new Set(answer.view?.log);
  return writer.acked.filter((id) => !log.has(id)).map((id) => `${id} is not on ${node.name}: ${answer.status} ${answer.code ?? ""}`);
}

export const KILL_TRIALS: Scenario = {
  name: "kill-trials",
  what: "acks: 1: a node is killed as soon as it has acknowledged; others show what it did",
  tools: [],
  isQuick: true,
  timeoutMs: 400_000,
  run: (context) => run(context, context.trialCount ?? 300, false),
};

export const CUT_THEN_KILL_TRIALS: Scenario = {
  name: "cut-then-kill-trials",
  what: "acks: 1: a node is cut off, written to, and killed; what it could not hand on it never acknowledged",
  tools: [],
  isQuick: true,
  timeoutMs: 400_000,
  run: (context) => run(context, context.trialCount ?? 100, true),
};

import { afterGarbage, built, createSession, passTime } from "./resting.ts";

const SESSIONS = 1_000_000;
const BATCH = 500;
const PROGRESS = 100_000;
/** So many expire in one second, for so many seconds; then all that are left at once. */
const EXPIRING = 10_000;
const SECONDS = 20;
const IDLE_TIMEOUT_MS = 30 * 60_000;
/** What the registry waits beyond the idle timeout: 2ε and the batching of touches. */
const SLACK_MS = 64_001;

/** The longest turns of the event loop, seen by a loop that does nothing else. */
class TurnWatch {
  /** By the clock; another process that took the processor is in it. */
  wallMs = 0;
  /** The same, but no more than this process worked meanwhile: another that took the processor is not in it. */
  ownMs = 0;
  #isStopped = false;

  start(): void {
    this.#turn(performance.now(), process.cpuUsage());
  }

  stop(): void {
    this.#isStopped = true;
  }

  #turn(beganAtMs: number, began: NodeJS.CpuUsage): void {
    setImmediate(() => {
      const nowMs = performance.now();
      const tookMs = nowMs - beganAtMs;
      this.wallMs = Math.max(this.wallMs, tookMs);
      if (tookMs > this.ownMs) {
        const { user, system } = process.cpuUsage(began);
        this.ownMs = Math.max(this.ownMs, Math.min(tookMs, (user + system) / 1_000));
      }
      if (!this.#isStopped) this.#turn(nowMs, process.cpuUsage());
    });
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function progress(text: string): void {
  const { rss, heapUsed } = process.memoryUsage();
  process.stderr.write(`${text}: RSS ${Math.round(rss / 1e6)} MB, heap ${Math.round(heapUsed / 1e6)} MB\n`);
}

const { createEngine } = await built<typeof import("../src/runtime/index.ts")>("runtime/index.js");
let idleCount = 0;
const engine = createEngine({ idleTimeoutMs: IDLE_TIMEOUT_MS });
engine.on("idle", () => idleCount++);
const sessions = (): { hot: number; cold: number } => engine.host.registry.counts();

const startedAtMs = performance.now();
/** When every ten-thousandth was made. */
const madeAtMs: number[] = [];
let peakRss = 0;
for (let index = 0; index < SESSIONS; index++) {
  createSession(engine, index);
  if (index % BATCH === 0) await new Promise((resolve) => setImmediate(resolve));
  if ((index + 1) % EXPIRING === 0) {
    madeAtMs.push(Date.now());
    peakRss = Math.max(peakRss, process.memoryUsage().rss);
  }
  if ((index + 1) % PROGRESS === 0) progress(`${index + 1} sessions made`);
}
const loadSeconds = (performance.now() - startedAtMs) / 1_000;

passTime(61_000);
while (sessions().hot > 0) await wait(100);
progress("all at rest");
const { rssBytes } = await afterGarbage();
progress("after a collection");

const watch = new TurnWatch();
const report = (text: string): void => {
  const { wallMs, ownMs } = watch;
  progress(`${text}, ${sessions().cold} left, longest turn ${ownMs.toFixed(2)} ms (${wallMs.toFixed(2)} by the clock)`);
};
watch.start();
await wait(5_000);
report("nothing due for 5 s");
for (let second = 0; second < SECONDS; second++) {
  passTime((madeAtMs[second] ?? 0) + IDLE_TIMEOUT_MS + SLACK_MS - Date.now());
  await wait(1_000);
}
report(`${EXPIRING} due a second for ${SECONDS} s`);
passTime(IDLE_TIMEOUT_MS);
const sweepingAtMs = performance.now();
while (sessions().cold > 0) await wait(100);
report(`the others due at once, gone in ${((performance.now() - sweepingAtMs) / 1_000).toFixed(1)} s`);
watch.stop();
console.log(JSON.stringify({ rssBytes, peakRss, loadSeconds, sweepMaxTickMs: watch.ownMs, idleCount }));
process.exit(0);

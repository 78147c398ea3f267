import type { Dice } from "./dice.ts";
import type { History } from "./history.ts";
import type { Machine } from "./machine.ts";
import type { Member } from "./members.ts";
import type { Path } from "./network.ts";
import type { World } from "./world.ts";

/** What can go wrong, and how often. */
export interface Troubles {
  readonly cut: number;
  readonly oneWayCut: number;
  readonly partition: number;
  /** Each reaches its neighbours, and nobody reaches everybody. */
  readonly ring: number;
  readonly reset: number;
  readonly slow: number;
  readonly stall: number;
  readonly suspend: number;
  readonly crashNode: number;
  readonly crashRelay: number;
  readonly stop: number;
  /** A node comes back with another version of the application, which declares other attributes. */
  readonly deploy: number;
  readonly slowDisk: number;
  readonly brokenDisk: number;
  /** What was not synced when a process died is gone, from somewhere on. */
  readonly tornTail: number;
  /** A process comes back with the disk as it was some time ago. */
  readonly oldCopy: number;
  readonly clockJump: number;
  readonly clockSkew: number;
  /** Sessions are compacted at a moment that nobody chose. */
  readonly compact: number;
  /** Frames that are lost, doubled or come out of order: more than TCP does. */
  readonly wildFrames: number;
}

export type TroubleKind = keyof Troubles;

/** What a trouble has at hand. */
export interface Scene {
  readonly world: World;
  readonly history: History;
  /** Its own: what another trouble draws, or that it is left out, changes nothing for this one. */
  readonly dice: Dice;
  readonly links: readonly Link[];
  /** How far clocks may be off from true time: half of what two may differ by. */
  readonly skewMsMax: number;
  /** Mends it later, unless everything was mended before. */
  readonly later: (delayMs: number, run: () => void) => void;
  readonly mayLose: (member: Member) => boolean;
  readonly loses: (member: Member) => void;
  readonly stopped: (stop: Promise<void>) => void;
}

export type Link = readonly [Machine, Machine];

/** Each tells what it did; undefined where there was nothing to do. */
export const TROUBLES: Readonly<Record<TroubleKind, (scene: Scene) => string | undefined>> = {
  cut: (scene) => change(scene, scene.dice.pick(scene.links), { isCut: true }, true, scene.dice.between(50, 9_000)),
  oneWayCut: (scene) => change(scene, turned(scene, scene.dice.pick(scene.links)), { isCut: true }, false, scene.dice.between(50, 9_000)),
  partition,
  ring,
  reset,
  slow: (scene) => {
    const { dice } = scene;
    const path = { delayMs: dice.between(5, 200), jitterMs: dice.between(0, 300) };
    return change(scene, dice.pick(scene.links), path, true, dice.between(100, 5_000));
  },
  stall: (scene) => {
    const { dice } = scene;
    return change(scene, turned(scene, dice.pick(scene.links)), { bytesPerMs: dice.between(0.05, 5) }, false, dice.between(100, 4_000));
  },
  suspend,
  crashNode: (scene) => crash(scene, scene.dice.pick(scene.world.nodes), "keeps"),
  crashRelay: (scene) => {
    const fate = scene.dice.weighted({ keeps: 8, empty: 2 });
    return crash(scene, scene.dice.pick(scene.world.relays), fate);
  },
  stop,
  deploy,
  slowDisk: (scene) => {
    const delayMs = scene.dice.between(5, 100);
    return disk(scene, { delayMs }, `takes ${delayMs.toFixed(0)} ms`);
  },
  brokenDisk: (scene) => disk(scene, { isBroken: true }, "does not answer"),
  tornTail: (scene) => crash(scene, scene.dice.pick(scene.world.members), "torn"),
  oldCopy: (scene) => crash(scene, scene.dice.pick(scene.world.members), "old"),
  clockJump,
  clockSkew,
  compact,
  wildFrames: (scene) => {
    const path = { drop: 0.05, duplicate: 0.05, reorder: 0.1 };
    return change(scene, scene.dice.pick(scene.links), path, true, scene.dice.between(500, 5_000));
  },
};

function change(
  { world: { network }, later }: Scene,
  [left, right]: Link,
  path: Partial<Path>,
  bothWays: boolean,
  durationMs: number,
): string {
  const [before, back] = [network.path(left, right), network.path(right, left)];
  network.change(left, right, path);
  if (bothWays) network.change(right, left, path);
  later(durationMs, () => {
    network.change(left, right, before);
    if (bothWays) network.change(right, left, back);
  });
  return `${left.name} ${bothWays ? "and" : "to"} ${right.name} for ${durationMs.toFixed(0)} ms`;
}

/** Two groups that do not reach each other, for a while. */
function partition(scene: Scene): string | undefined {
  const { world, dice, links } = scene;
  const away = new Set(world.members.filter(() => dice.chance(0.4)).map(({ machine }) => machine));
  const broken = links.filter(([left, right]) => away.has(left) !== away.has(right));
  if (broken.length === 0) return undefined;
  return `${separate(scene, broken, dice.between(100, 12_000))} without ${[...away].map(({ name }) => name).join(", ")}`;
}

function ring(scene: Scene): string | undefined {
  const { world, dice, links } = scene;
  const circle = world.members.map(({ machine }) => machine);
  const place = (machine: Machine): number => circle.indexOf(machine);
  // Dealt out as a hand of cards is, so that every order is as likely.
  for (let at = circle.length - 1; at > 0; at--) {
    const other = dice.whole(0, at);
    const [left, right] = [circle[at], circle[other]];
    if (left !== undefined && right !== undefined) [circle[at], circle[other]] = [right, left];
  }
  const isFar = ([left, right]: Link): boolean => {
    const steps = Math.abs(place(left) - place(right));
    return steps > 1 && steps < circle.length - 1;
  };
  const broken = links.filter(isFar);
  return broken.length === 0 ? undefined : separate(scene, broken, dice.between(100, 12_000));
}

function separate({ world: { network }, later }: Scene, broken: readonly Link[], durationMs: number): string {
  const set = (isCut: boolean): void => {
    for (const [left, right] of broken) {
      network.change(left, right, { isCut });
      network.change(right, left, { isCut });
    }
  };
  set(true);
  later(durationMs, () => set(false));
  return `${broken.length} ways for ${durationMs.toFixed(0)} ms`;
}

function reset(scene: Scene): string | undefined {
  const [left, right] = turned(scene, scene.dice.pick(scene.links));
  const tell = scene.dice.pick([[left, right], [left], [right], [left, right]]);
  const { network } = scene.world;
  const count = network.reset(left, right, tell) + network.reset(right, left, tell);
  return count === 0 ? undefined : `${left.name} and ${right.name}, told: ${tell.map(({ name }) => name).join(", ")}`;
}

function suspend({ world, dice, later }: Scene): string | undefined {
  const { machine } = dice.pick(world.members);
  if (machine.isSuspended) return undefined;
  const durationMs = dice.between(50, 10_000);
  machine.suspend();
  later(durationMs, () => {
    machine.resume();
    world.network.wake();
  });
  return `${machine.name} for ${durationMs.toFixed(0)} ms`;
}

/** What becomes of the disk of a process that died. */
type Fate = "keeps" | "empty" | "old" | "torn";

function crash(scene: Scene, member: Member, wanted: Fate): string | undefined {
  const { dice, history, later } = scene;
  const { running, disk: kept } = member;
  const onDisk = wanted === "old" || wanted === "torn";
  if (running === undefined || (onDisk && kept === undefined)) return undefined;
  const fate = kept === undefined ? "keeps" : wanted;
  const isLoss = kept === undefined || fate === "empty" || fate === "old";
  if (isLoss && !scene.mayLose(member)) return undefined;
  if (isLoss) scene.loses(member);
  const how = dice.chance(0.6) ? "killed" : "vanished";
  const old = kept?.snapshot();
  const [ageMs, downMs, frames] = [dice.between(10, 4_000), dice.between(20, 8_000), dice.chance(0.5) ? dice.whole(1, 12) : 0];
  const down = (): void => {
    member.crash(how);
    if (fate === "torn") kept?.tear();
    later(downMs, () => {
      if (fate === "empty" || fate === "old") history.lost(member);
      if (fate === "empty") kept?.wipe();
      if (fate === "old" && old !== undefined) kept?.restore(old);
      if (member.running === undefined) member.start();
    });
  };
  if (fate === "old") later(ageMs, down);
  else if (frames > 0) {
    running.life.lightFuse(frames);
    later(300, down);
  } else down();
  const where = fate === "old" ? ` with its disk of ${ageMs.toFixed(0)} ms before` : fate === "keeps" ? "" : `, its disk ${fate}`;
  return `${member.name} ${how} for ${downMs.toFixed(0)} ms${where}`;
}

function stop(scene: Scene): string | undefined {
  return restart(scene, scene.dice.pick(scene.world.members), () => undefined);
}

function deploy(scene: Scene): string | undefined {
  const node = scene.dice.pick(scene.world.nodes);
  const version = node.version + 1;
  return restart(scene, node, () => (node.version = version));
}

/** As whoever deploys does it: it ends what it does, and is started again. */
function restart(scene: Scene, member: Member, between: () => void): string | undefined {
  if (!member.isServing || (member.disk === undefined && !scene.mayLose(member))) return undefined;
  if (member.disk === undefined) scene.loses(member);
  const downMs = scene.dice.between(20, 4_000);
  scene.stopped(
    member.stop().then(() => {
      between();
      scene.later(downMs, () => {
        if (member.running === undefined) member.start();
      });
    }),
  );
  return `${member.name} for ${downMs.toFixed(0)} ms`;
}

function disk({ world, dice, later }: Scene, how: { delayMs?: number; isBroken?: boolean }, text: string): string | undefined {
  const { name, disk: found } = dice.pick(world.members);
  const durationMs = dice.between(100, 3_000);
  if (found === undefined) return undefined;
  Object.assign(found, how);
  later(durationMs, () => {
    found.isBroken = false;
    found.delayMs = 0.2;
  });
  return `that of ${name} ${text} for ${durationMs.toFixed(0)} ms`;
}

/** One clock is wrong for a while, by any amount: it is one of many, and outvoted. */
function clockJump({ world, dice, later }: Scene): string | undefined {
  const { machine } = dice.pick(world.members);
  const byMs = dice.pick([-3_600_000, -5_000, -500, 500, 5_000, 3_600_000]);
  const durationMs = dice.between(1_000, 20_000);
  // Two that are wrong at once could be a majority.
  if (world.members.some((member) => member.machine.isWrong)) return undefined;
  machine.wallOffsetMs = machine.skewMs + byMs;
  later(durationMs, () => {
    machine.wallOffsetMs = machine.skewMs;
  });
  return `${machine.name} by ${byMs} ms for ${durationMs.toFixed(0)} ms`;
}

/** A clock is off by something else from here on, as far as clocks may be. */
function clockSkew({ world, dice, skewMsMax }: Scene): string {
  const { machine } = dice.pick(world.members);
  machine.skewMs = dice.between(-skewMsMax, skewMsMax);
  if (!machine.isWrong) machine.wallOffsetMs = machine.skewMs;
  return `${machine.name} is off by ${machine.skewMs.toFixed(0)} ms`;
}

function compact({ world, history, dice }: Scene): string | undefined {
  const { name, running } = dice.pick(world.members);
  if (running === undefined || history.sessions.size === 0) return undefined;
  const keys = [...history.sessions.keys()];
  let count = 0;
  for (let turn = 0; turn < 8; turn++) {
    const live = running.engine.registry.hot(dice.pick(keys));
    // The others are not told, as if that message was lost: they find out by comparing.
    if (live?.document?.compact({ factor: 0, bytes: 0 }) !== true) continue;
    running.engine.host.compacted(live);
    count += 1;
  }
  return count === 0 ? undefined : `${count} sessions of ${name}`;
}

function turned({ dice }: Scene, [left, right]: Link): Link {
  return dice.chance(0.5) ? [left, right] : [right, left];
}

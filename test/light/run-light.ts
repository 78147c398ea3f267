import type { Rules } from "../model/rules.ts";
import { LightWorld } from "./light-world.ts";

const EVENTS_PER_WORLD = 120;
const PROGRESS_EVERY = 1_000_000;

interface LightOptions {
  readonly seed: number;
  readonly eventCount: number;
  readonly rules: Rules;
  readonly onProgress?: (eventCount: number) => void;
}

interface LightReport {
  readonly events: number;
  readonly worlds: number;
  readonly failure: LightFailure | undefined;
}

interface LightFailure {
  readonly broken: string;
  /** The world among those of its seed. */
  readonly world: number;
  /** What it is like. */
  readonly setup: number;
  /** A list of events that still breaks a law, from which none can be left out. */
  readonly events: Uint32Array;
}

/** World after world, each drawn from the seed and its number; stops at the first in which a law is broken. */
export function runLight({ seed, eventCount, rules, onProgress }: LightOptions): LightReport {
  const world = new LightWorld(rules);
  const events = new Uint32Array(EVENTS_PER_WORLD);
  let done = 0;
  for (let number = 0; done < eventCount; number++) {
    const draw = drawer(seed, number);
    const setup = draw();
    for (let at = 0; at < events.length; at++) events[at] = draw();
    const broken = world.play(setup, events, events.length);
    done += events.length;
    if (Math.floor(done / PROGRESS_EVERY) > Math.floor((done - events.length) / PROGRESS_EVERY)) onProgress?.(done);
    if (broken === undefined) continue;
    return { events: done, worlds: number + 1, failure: { world: number, setup, ...shrink(world, setup, events) } };
  }
  return { events: done, worlds: Math.ceil(done / EVENTS_PER_WORLD), failure: undefined };
}

/** Leaves out events, one after the other, as long as a law is broken without them. */
function shrink(world: LightWorld, setup: number, all: Uint32Array): Pick<LightFailure, "broken" | "events"> {
  let events = Array.from(all);
  for (let size = events.length >> 1; size >= 1; size = size > 1 ? size >> 1 : 0) {
    for (let at = 0; at < events.length;) {
      const fewer = [...events.slice(0, at), ...events.slice(at + size)];
      if (world.play(setup, Uint32Array.from(fewer), fewer.length) === undefined) at += size;
      else events = fewer;
    }
  }
  const shrunk = Uint32Array.from(events);
  return { broken: world.play(setup, shrunk, shrunk.length) ?? "", events: shrunk };
}

/** SplitMix32: words from a seed and the number of a world. */
function drawer(seed: number, number: number): () => number {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let word = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  };
}

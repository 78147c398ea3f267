import { sh } from "./machine.ts";

/** Of all names that this makes, so that leftovers of a run that was killed are known. Interface names have 15 characters at most. */
const PREFIX = "cvg";

export interface Host {
  readonly namespace: string;
  readonly address: string;
}

/** Hosts of their own on one bridge, within this machine: cutting them off from each other harms nobody else. Needs root. */
export class Namespaces {
  readonly #id = process.pid.toString(36);
  readonly #subnet = `10.231.${process.pid % 250}`;
  readonly #hosts: Host[] = [];

  constructor() {
    removeLeftovers();
    sh("ip", "link", "add", this.#bridge, "type", "bridge");
    sh("ip", "address", "add", `${this.#subnet}.1/24`, "dev", this.#bridge);
    sh("ip", "link", "set", this.#bridge, "up");
  }

  add(): Host {
    const number = this.#hosts.length + 2;
    const host: Host = { namespace: `${PREFIX}${this.#id}-${number}`, address: `${this.#subnet}.${number}` };
    this.#hosts.push(host);
    const [outside, inside] = [`${PREFIX}${this.#id}o${number}`, "eth0"];
    sh("ip", "netns", "add", host.namespace);
    sh("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", host.namespace);
    sh("ip", "link", "set", outside, "master", this.#bridge, "up");
    runInside(host, "ip", "address", "add", `${host.address}/24`, "dev", inside);
    runInside(host, "ip", "link", "set", inside, "up");
    runInside(host, "ip", "link", "set", "lo", "up");
    return host;
  }

  /** Nothing from these addresses reaches `host`. What it sends still leaves. */
  cutInput(host: Host, from: readonly Host[]): void {
    this.#rules(
      host,
      "input",
      from.map(({ address }) => `ip saddr ${address} counter drop`),
    );
  }

  /** Nothing passes between `host` and these addresses. */
  cut(host: Host, from: readonly Host[]): void {
    this.cutInput(host, from);
    this.#rules(
      host,
      "output",
      from.map(({ address }) => `ip daddr ${address} counter drop`),
    );
  }

  /** Whatever these addresses send to `host` over TCP is answered with a RST, as by a firewall that lost its table. */
  resetInput(host: Host, from: readonly Host[]): void {
    this.#rules(
      host,
      "input",
      from.map(({ address }) => `ip saddr ${address} ip protocol tcp counter reject with tcp reset`),
    );
  }

  heal(host: Host): void {
    runInside(host, "nft", "flush", "ruleset");
  }

  /** Packets that rules of `host` met: a cut through which nothing wanted to pass proves nothing. */
  hitCount(host: Host): number {
    const rules = runInside(host, "nft", "list", "ruleset");
    return [...rules.matchAll(/counter packets (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  remove(): void {
    for (const { namespace } of this.#hosts) quietly("ip", "netns", "del", namespace);
    quietly("ip", "link", "del", this.#bridge);
  }

  get #bridge(): string {
    return `${PREFIX}${this.#id}br`;
  }

  #rules(host: Host, hook: "input" | "output", rules: readonly string[]): void {
    const table = `chaos_${hook}`;
    runInside(host, "nft", [`add table ip ${table}`, `add chain ip ${table} c { type filter hook ${hook} priority 0; }`].join("\n"));
    for (const rule of rules) runInside(host, "nft", `add rule ip ${table} c ${rule}`);
  }
}

/** The prefix that runs a program in a host. */
export function throughHost({ namespace }: Host): readonly string[] {
  return ["ip", "netns", "exec", namespace];
}

function runInside(host: Host, ...command: readonly string[]): string {
  const [first = "", ...rest] = [...throughHost(host), ...command];
  return sh(first, ...rest);
}

/** What runs left behind that are no more: their process id is in the name. */
function removeLeftovers(): void {
  const isGone = (name: string): boolean => {
    const id = new RegExp(`^${PREFIX}([0-9a-z]+?)(-\\d+|br|o\\d+)$`).exec(name)?.[1];
    return id !== undefined && !isRunning(Number.parseInt(id, 36));
  };
  for (const line of sh("ip", "netns", "list").split("\n")) {
    const [name = ""] = line.split(" ");
    if (isGone(name)) quietly("ip", "netns", "del", name);
  }
  for (const line of sh("ip", "-o", "link", "show", "type", "bridge").split("\n")) {
    const name = /^\d+: ([^:@]+)/.exec(line)?.[1] ?? "";
    if (isGone(name)) quietly("ip", "link", "del", name);
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** For tidying up: what is gone already need not be removed. */
function quietly(command: string, ...args: readonly string[]): void {
  try {
    sh(command, ...args);
  } catch {
    // gone
  }
}

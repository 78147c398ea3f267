import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { keyNamed } from "../support/set-replica.ts";
import { makeCertificate } from "../support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { RawPeer } from "../support/raw-peer.ts";
import { TEST_SECRET } from "../support/relay-holder.ts";
import { createSession, readSession, RelayBench, type RelayProgram, scrape, writeSession } from "../support/relay-program.ts";
import { requireTool } from "../support/tools.ts";

const bench = new RelayBench();
afterEach(() => bench.cleanUp());

async function saved(relay: RelayProgram): Promise<void> {
  await eventually(async () => {
    const figures = await scrape(relay.adminUrl);
    expect(figures["converge_session_remote_commits_total"]).toBeGreaterThan(0);
    expect(figures["converge_session_unsaved_bytes"]).toBe(0);
  });
}

describe("a relay with a data folder", () => {
  it("[X12] has after kill -9 and a restart what was stored, ends too, and is the same to its peers", async () => {
    const data = join(bench.folder(), "data");
    const first = await bench.relay(["--data", data]);
    expect(first.line).toContain(`data=${data}`);
    const node = await bench.node([first.address]);
    const [kept, ended] = [createSession(node, "n", 1), createSession(node, "n", 1)];
    await eventually(async () => expect(await node.end(ended)).toMatchObject({ acks: 1 }));
    await saved(first);
    const identity = (): unknown => {
      const { incarnation, begunAtMs } = JSON.parse(readFileSync(join(data, "relay.json"), "utf8")) as Record<string, unknown>;
      return { incarnation, begunAtMs };
    };
    const before = identity();
    first.process.signal("SIGKILL");
    await first.process.ended();
    await node.close();

    const second = await bench.relay(["--data", data]);
    const late = await bench.node([second.address]);
    expect([await readSession(late, kept, "n"), await readSession(late, ended, "n")]).toEqual([1, "ended"]);
    expect(identity()).toEqual(before);
  });

  it("[X12] [SY23] does not say that there is none of what nodes made while it was down, each for itself", async () => {
    const data = join(bench.folder(), "data");
    const first = await bench.relay(["--data", data]);
    first.process.signal("SIGTERM");
    await first.process.ended();
    const bornAtMs = Date.now();
    const second = await bench.relay(["--data", data]);
    const node = await bench.node([second.address], { missTimeoutMs: 300 });
    const key = node.keyOf("of a node that is not back yet");
    await expect(node.checkOut(key, { bornAtMs })).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" });
    // It would know of one that is made from here on.
    expect(await node.checkOut(key, { bornAtMs: Date.now() + 60_000 })).toMatchObject({ kind: "absent" });
  });

  it("[X12] is another one with an empty folder, and with one whose name cannot be read, and says so", async () => {
    const data = join(bench.folder(), "data");
    const incarnation = (): unknown => (JSON.parse(readFileSync(join(data, "relay.json"), "utf8")) as { incarnation: string }).incarnation;
    const incarnations: unknown[] = [];
    const start = async (): Promise<string> => {
      const relay = await bench.relay(["--data", data]);
      incarnations.push(incarnation());
      relay.process.signal("SIGTERM");
      expect(await relay.process.ended()).toEqual({ code: 0, signal: null });
      return relay.process.errorOutput();
    };
    await start();
    await start();
    renameSync(data, `${data}-away`);
    await start();
    writeFileSync(join(data, "relay.json"), "{");
    expect(await start()).toMatch(/relay\.json cannot be read/);
    const [first, same, empty, unread] = incarnations;
    expect(same).toBe(first);
    expect(new Set([first, empty, unread]).size).toBe(3);
  }, 60_000);

  it("[X12] says what to install when lmdb is missing, and starts nothing", async () => {
    const hook = `export async function resolve(name, context, next) {
      if (name === "lmdb") throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
      return next(name, context);
    }`;
    const url = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`;
    const register = url(`import { register } from "node:module"; register(${JSON.stringify(url(hook))});`);
    const data = join(bench.folder(), "data");
    const refused = bench.command(["--data", data], { NODE_OPTIONS: `--import ${register}` });
    expect(await refused.ended()).toEqual({ code: 1, signal: null });
    expect(refused.errorOutput()).toMatch(/^error: .*npm install lmdb/m);
    expect(refused.errorOutput()).not.toMatch(/\n\s+at /);
    expect(existsSync(data)).toBe(false);
  });
});

describe("a pair of relays", () => {
  it("[X12] [X14] is ready when each has what the other has, and a session written to one is read from the other", async () => {
    const first = await bench.relay(["--session-count", "20"]);
    expect((await scrape(first.adminUrl))["converge_session_sessions_limit"]).toBe(20);
    const left = await bench.node([first.address]);
    const key = createSession(left, "n", 1);
    const second = await bench.relay(["--peer", first.address]);
    expect(second.line).toContain(`peers=${first.address} `);
    for (const { adminUrl } of [first, second]) {
      await eventually(async () => {
        const response = await fetch(`${adminUrl}/ready`);
        expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ complete: true, members: 2 })]);
      });
    }
    const right = await bench.node([second.address]);
    expect(await readSession(right, key, "n")).toBe(1);
    writeSession(left, key, "n", 2);
    await eventually(async () => expect(await readSession(right, key, "n")).toBe(2));
  }, 60_000);

  it("[X14] is not ready while it could not ask a peer that it names", async () => {
    const relay = await bench.relay(["--peer", "ws://127.0.0.1:1"]);
    const response = await fetch(`${relay.adminUrl}/ready`);
    expect([response.status, await response.json()]).toEqual([
      503,
      { ready: false, complete: false, draining: false, members: 1, nodes: 0 },
    ]);
    expect((await fetch(`${relay.adminUrl}/health`)).status).toBe(200);
  });
});

describe("a relay with a certificate", () => {
  it("[X13] meets nodes by wss:// which trust it, and no others; by ws:// nobody", async (test) => {
    const { cert, key, pem } = makeCertificate(requireTool("openssl", test), bench.folder(), "relay");
    const relay = await bench.relay(["--tls-cert", cert, "--tls-key", key]);
    expect(relay.address).toMatch(/^wss:/);
    expect(relay.adminUrl).toMatch(/^https:/);
    const [left, right] = [await bench.node([relay.address], { ca: pem }), await bench.node([relay.address], { ca: pem })];
    const session = createSession(left, "n", 1);
    await eventually(async () => expect(await readSession(right, session, "n")).toBe(1));
    const stranger = await bench.node([relay.address], { missTimeoutMs: 100 });
    await expect(readSession(stranger, session, "n")).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" });
    const inTheClear = await bench.node([relay.address.replace("wss:", "ws:")], { missTimeoutMs: 100 });
    await expect(readSession(inTheClear, session, "n")).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" });
  });

  it("[X13] shows another one after SIGHUP, goes on with it after a broken one, and keeps its connections", async (test) => {
    const openssl = requireTool("openssl", test);
    const folder = bench.folder();
    const { cert, key, pem } = makeCertificate(openssl, folder, "relay");
    const relay = await bench.relay(["--tls-cert", cert, "--tls-key", key]);
    const left = await bench.node([relay.address], { ca: pem });
    const session = createSession(left, "n", 1);
    const shown = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connectTls({ port: relay.port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        });
        socket.once("error", reject);
      });
    const before = await shown();
    const renewed = makeCertificate(openssl, folder, "relay");
    relay.process.signal("SIGHUP");
    await eventually(async () => expect(await shown()).not.toBe(before));
    const after = await shown();

    writeFileSync(cert, "no certificate");
    relay.process.signal("SIGHUP");
    await eventually(() => expect(relay.process.errorOutput()).toMatch(/SIGHUP: the new certificate is not used/));
    expect(await shown()).toBe(after);
    writeSession(left, session, "n", 2);
    const right = await bench.node([relay.address], { ca: renewed.pem });
    await eventually(async () => expect(await readSession(right, session, "n")).toBe(2));
  });

  it("[X13] does not start with one that cannot be used", async () => {
    const folder = bench.folder();
    for (const name of ["cert", "key"]) writeFileSync(join(folder, name), "CANARY", { mode: 0o600 });
    const refused = bench.command(["--tls-cert", join(folder, "cert"), "--tls-key", join(folder, "key")]);
    expect(await refused.ended()).toEqual({ code: 1, signal: null });
    expect(refused.errorOutput()).toMatch(/the certificate and its key cannot be used/);
    expect(refused.errorOutput()).not.toContain("CANARY");
  });

  it("[X13] holds a stranger that never ends its handshake to its time, and counts it", async (test) => {
    const { cert, key } = makeCertificate(requireTool("openssl", test), bench.folder(), "relay");
    const relay = await bench.relay(["--tls-cert", cert, "--tls-key", key, "--admin-listen", "127.0.0.1:0"]);
    const socket = connect({ port: relay.port, host: "127.0.0.1" });
    const closed = new Promise((resolve) => socket.on("error", () => undefined).once("close", resolve));
    await closed;
    expect((await scrape(relay.adminUrl))["converge_session_relay_refused_greetings_total"]).toBe(1);
  });
});

describe("a relay's pages", () => {
  it("[X14] health, readiness and figures, on its own port", async () => {
    const relay = await bench.relay();
    const get = async (path: string, method = "GET"): Promise<[number, string]> => {
      const response = await fetch(`${relay.adminUrl}${path}`, { method });
      return [response.status, await response.text()];
    };
    expect(await get("/health")).toEqual([200, '{"status":"up"}\n']);
    expect(await get("/ready")).toEqual([200, '{"ready":true,"complete":true,"draining":false,"members":1,"nodes":0}\n']);
    expect(await get("/health", "POST")).toEqual([405, ""]);
    expect((await get("/"))[0]).toBe(426);
    const node = await bench.node([relay.address]);
    createSession(node, "n", 1);
    await eventually(async () => {
      const figures = await scrape(relay.adminUrl);
      expect(figures).toMatchObject({
        converge_session_relay_connections: 1,
        converge_session_relay_nodes: 1,
        converge_session_relay_ready: 1,
        converge_session_remote_commits_total: 1,
        // Whoever asks for a page is no stranger that failed to greet; who asked for / was one.
        converge_session_relay_refused_greetings_total: 1,
        'converge_session_sessions{state="hot"}': 1,
      });
      expect(figures['converge_session_relay_frames_total{direction="in"}']).toBeGreaterThan(2);
      expect(figures['converge_session_relay_bytes_total{direction="out"}']).toBeGreaterThan(50);
    });
  });

  it("[X14] counts who is refused and what is malformed", async () => {
    const relay = await bench.relay();
    const stranger = await RawPeer.greet(relay.address, { secret: `${TEST_SECRET}!` });
    expect(stranger.closeCode).toBe(4401);
    const member = await RawPeer.greet(relay.address, { secret: TEST_SECRET });
    member.send(new Uint8Array([255, 1, 2]));
    await eventually(() => expect(member.closeCode).toBe(4400));
    expect(await scrape(relay.adminUrl)).toMatchObject({
      converge_session_relay_refused_greetings_total: 1,
      converge_session_relay_malformed_frames_total: 1,
    });
  });

  it("[X14] on a port of their own are not where nodes connect", async () => {
    const relay = await bench.relay(["--admin-listen", "127.0.0.1:0"]);
    expect((await fetch(`${relay.adminUrl}/ready`)).status).toBe(200);
    expect((await fetch(`${relay.adminUrl}/other`)).status).toBe(404);
    for (const path of ["/health", "/ready", "/metrics"]) {
      expect((await fetch(`http://127.0.0.1:${relay.port}${path}`)).status).toBe(426);
    }
  });
});

describe("what a relay says", () => {
  it("[X15] at its most talkative: JSON lines, and no id, key, name, value, subject or secret in them", async () => {
    const secretFile = join(bench.folder(), "secret");
    writeFileSync(secretFile, TEST_SECRET);
    chmodSync(secretFile, 0o644);
    const relay = await bench.relay(["--log-level", "debug", "--secret-file", secretFile], { CONVERGE_SESSION_SECRET: "" });
    const node = await bench.node([relay.address]);
    const id = node.issueId();
    const session = node.draft();
    session.identify(id);
    session.set("canaryName", "canary-value");
    session.commit();
    const other = await bench.node([relay.address]);
    expect(await readSession(other, node.keyOf(id), "canaryName")).toBe("canary-value");
    await node.end(node.keyOf(id));
    const stranger = await RawPeer.greet(relay.address, { secret: `${TEST_SECRET}!`, domain: "canary-domain" });
    expect(stranger.closeCode).toBeDefined();
    const member = await RawPeer.greet(relay.address, { secret: TEST_SECRET });
    member.send(Buffer.from("\u00ffcanary-frame"));
    await eventually(() => expect(member.closeCode).toBe(4400));
    const pages = await Promise.all(
      ["/health", "/ready", "/metrics", "/canary-path"].map(async (path) => (await fetch(`${relay.adminUrl}${path}?canary-query`)).text()),
    );
    relay.process.signal("SIGTERM");
    expect(await relay.process.ended()).toEqual({ code: 0, signal: null });

    const lines = relay.process.errorOutput().trimEnd().split("\n");
    const messages = lines.map((line) => JSON.parse(line) as { level: string; time: string; msg: string });
    for (const { level, time } of messages)
      expect([level, new Date(time).toISOString()]).toEqual([expect.stringMatching(/^(debug|info|warn)$/), time]);
    expect(messages.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/can be read by every user/),
        expect.stringMatching(/4401 notAuthenticated/),
        expect.stringMatching(/4400 malformed/),
        "/ready answered 200",
        "SIGTERM: draining",
        "stopped",
      ]),
    );
    const said = [relay.process.lines.join("\n"), relay.process.errorOutput(), ...pages].join("\n");
    const key = node.keyOf(id);
    const asHex = Buffer.from(key, "base64url").toString("hex");
    for (const canary of [id, id.slice(0, 16), key, asHex, "canary", TEST_SECRET, keyNamed("a")]) expect(said).not.toContain(canary);
  });

  it("[X17] one line says what it is and where", async () => {
    const { line } = await bench.relay(["--domain", "shop"]);
    expect(line).toMatch(
      /^converge-session relay listening on ws:\/\/127\.0\.0\.1:\d+ domain=shop protocol=\d+ version=\d+\.\d+\.\d+ peers=none data=memory admin=http:\/\/127\.0\.0\.1:\d+ pid=\d+$/,
    );
  });
});

describe("a relay that is told to stop", () => {
  /** A relay with something queued for a node that stands still. */
  async function withQueue(drainMs: string): Promise<RelayProgram & { readonly holder: ReturnType<RelayBench["program"]> }> {
    const relay = await bench.relay(["--drain-ms", drainMs, "--admin-listen", "127.0.0.1:0"]);
    const node = await bench.node([relay.address]);
    const key = createSession(node, "n", 0);
    const holder = bench.program(fileURLToPath(new URL("../support/holding-node.ts", import.meta.url)), [relay.address, key]);
    await holder.waitForLine(/^holds it: alive$/);
    holder.signal("SIGSTOP");
    const value = "x".repeat(60_000);
    let n = 0;
    await eventually(async () => {
      for (let i = 0; i < 10; i += 1) writeSession(node, key, "n", `${(n += 1)}${value}`);
      // More than what is on its way to the kernel within one turn.
      expect((await scrape(relay.adminUrl))["converge_session_relay_queued_bytes"]).toBeGreaterThan(1_000_000);
    }, 10_000);
    return { ...relay, holder };
  }

  it("[X16] is not ready any more, waits until its peers have what is queued, and ends with 0", async () => {
    const { process, adminUrl, holder } = await withQueue("60000");
    process.signal("SIGTERM");
    await eventually(async () => {
      const response = await fetch(`${adminUrl}/ready`);
      expect([response.status, await response.json()]).toEqual([503, expect.objectContaining({ ready: false, draining: true })]);
    });
    expect((await fetch(`${adminUrl}/health`)).status).toBe(200);
    expect(process.errorOutput()).not.toMatch(/stopped/);
    holder.signal("SIGCONT");
    expect(await process.ended(10_000)).toEqual({ code: 0, signal: null });
    expect(process.errorOutput()).not.toMatch(/did not take everything/);
  });

  it("[X16] waits no longer than --drain-ms", async () => {
    const { process } = await withQueue("200");
    process.signal("SIGTERM");
    expect(await process.ended(5_000)).toEqual({ code: 0, signal: null });
    expect(process.errorOutput()).toMatch(/did not take everything within 200 ms/);
  });

  it("[X16] ends at once when it is told twice", async () => {
    const { process } = await withQueue("60000");
    process.signal("SIGTERM");
    await eventually(() => expect(process.errorOutput()).toMatch(/draining/));
    process.signal("SIGTERM");
    expect(await process.ended(2_000)).toEqual({ code: 143, signal: null });
  });
});

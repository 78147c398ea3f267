import { type EngineOptions, type Limits, replicaOf, type SessionEngine } from "../engine/index.ts";
import { createEngine } from "../runtime/index.ts";
import { type Relay as RelayServer, type RelayTls, startRelayServer } from "../sync/index.ts";
import { type DataFolder, openDataFolder } from "./data-folder.ts";
import { type Endpoints, listenForEndpoints, relayEndpoints } from "./endpoints.ts";
import type { RelayLog } from "./log.ts";
import type { RelayFigures } from "./relay-figures.ts";
import { restoreSessions } from "./restore.ts";

export interface RelayOptions {
  /** At least 32 bytes, the same on all nodes and relays. */
  readonly secret: string;
  /** Nodes and relays of another domain are refused. Default `default`. */
  readonly domain?: string | undefined;
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default 0: any free port, see `Relay.port`. */
  readonly port?: number | undefined;
  /** With it nodes connect by `wss://`. Default: `ws://`. */
  readonly tls?: RelayTls | undefined;
  /** Addresses of the other relays. Default: none. */
  readonly peers?: readonly string[] | undefined;
  /** Certificates in PEM that `wss://` peers are checked against, instead of those that Node trusts. */
  readonly ca?: string | undefined;
  /** A folder to keep the sessions in, too (needs the package lmdb). Default: memory only. */
  readonly data?: string | undefined;
  /** Bytes that the sessions in `data` may use. Default 16 GiB. */
  readonly mapSizeMax?: number | undefined;
  /** As in `createEngine`. */
  readonly limits?: Partial<Limits> | undefined;
  /** How long a lost relay counts as one that may hold what nobody else has. Milliseconds; default 30 min. */
  readonly forgetLossAfterMs?: number | undefined;
  /** How far the clocks of nodes may be apart, as in `createEngine`. */
  readonly epsilonMs?: number | undefined;
  /** Serves `/health`, `/ready` and `/metrics` there, by plain http, instead of on the relay's own port. */
  readonly admin?: { readonly host: string; readonly port: number } | undefined;
  /** Where lines for the operator go. Default: nowhere. */
  readonly log?: RelayLog | undefined;
}

/** A relay that runs. */
export interface Relay extends RelayServer {
  /** Where `/health`, `/ready` and `/metrics` are, as `http://host:port`. */
  readonly adminUrl: string;
  figures(): RelayFigures;
  /**
   * Resolves when it holds all that lies in its data folder, at once without one; until then nobody is let in, and it is not ready. Rejects
   * when the folder could not be read: it never is then, and is to be closed.
   */
  readonly restored: Promise<void>;
}

/**
 * A relay with sessions of its own: an engine without requests, and the server through which nodes meet at it. Resolves when it listens.
 * @throws SessionError OPTION_INVALID, and of the store (docs/storage.md); the error of the operating system when a port cannot be had.
 */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const { log = () => undefined, data, mapSizeMax } = options;
  const folder = data === undefined ? undefined : await openDataFolder(data, mapSizeMax, Date.now(), log);
  const engine = createEngine(engineOptions(options, folder));
  const closers: (() => Promise<void>)[] = [() => engine.close()];
  const close = async (): Promise<void> => {
    for (const closeEach of closers.splice(0).toReversed()) await closeEach();
  };
  logTroubles(engine, log);
  try {
    const replica = replicaOf(engine.host);
    engine.host.clock.expectPeers();
    let isDraining = false;
    let isClosing = false;
    const restoring = { isOver: false, count: 0 };
    const store = folder?.store();
    const restored =
      store === undefined
        ? Promise.resolve()
        : restoreSessions(store, engine.host, log, (count) => {
            restoring.count = count;
            return !isClosing;
          });
    restored.then(
      () => (restoring.isOver = true),
      (error: unknown) => log(`the data folder cannot be read: ${error instanceof Error ? error.message : "unknown failure"}`, "error"),
    );
    closers.push(async () => {
      isClosing = true;
      await restored.catch(() => undefined);
    });
    const pages: { answer: Endpoints | undefined } = { answer: undefined };
    const server = await startRelayServer({
      ...options,
      replica,
      incarnation: folder?.incarnation,
      runtime: engine.host.runtime,
      clock: engine.host.clock,
      opening: store === undefined ? undefined : restored,
      onRequest: (request, response) => options.admin === undefined && pages.answer?.(request, response) === true,
    });
    const figures = (): RelayFigures => figuresOf(server, isDraining, restoring);
    closers.push(() => server.close());
    const endpoints = await relayEndpoints(engine, figures, log);
    pages.answer = endpoints;
    const admin = options.admin === undefined ? undefined : await listenForEndpoints(endpoints, options.admin);
    if (admin !== undefined) closers.push(() => admin.close());
    return {
      ...server,
      adminUrl: admin?.url ?? server.address.replace(/^ws/, "http"),
      figures,
      restored,
      drain: (timeoutMs) => {
        isDraining = true;
        return server.drain(timeoutMs);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function engineOptions({ limits, epsilonMs }: RelayOptions, folder: DataFolder | undefined): EngineOptions {
  return {
    ...(limits === undefined ? {} : { limits }),
    ...(epsilonMs === undefined ? {} : { epsilonMs }),
    ...(folder === undefined ? {} : { store: folder.makeStore }),
  };
}

function figuresOf(
  server: RelayServer,
  isDraining: boolean,
  restoring: { readonly isOver: boolean; readonly count: number },
): RelayFigures {
  const status = server.status();
  const members = server.members();
  const nodeCount = members.filter(({ role }) => role === "node").length;
  return {
    ...status,
    isReady: status.isComplete && !isDraining,
    isDraining,
    isRestoring: !restoring.isOver,
    restoredCount: restoring.count,
    nodeCount,
    traffic: server.traffic(),
    counters: server.counters,
  };
}

/** What an operator needs to know of; whatever else happens is everyday life. */
const TROUBLES = ["clock-fault", "many-writers", "input-refused", "store-failed", "sessions-near-limit", "unsaved-near-limit"] as const;

/** Tells the first of each kind: the counters say how often. Events carry a key, so only their type is told. */
function logTroubles(engine: SessionEngine, log: RelayLog): void {
  for (const type of TROUBLES) {
    const stop = engine.on(type, () => {
      stop();
      log(`${type} (further ones are not told)`, "warn");
    });
  }
}

import type { Context, Hono } from 'hono';
import type { UpgradeWebSocket } from 'hono/ws';
import { silent, toLogger } from '../../src/index.ts';
import type { Logger } from '../../src/index.ts';
import { callerCheck } from '../callers/auth.ts';
import type { CheckCaller } from '../callers/auth.ts';
import { CallerCounts } from '../callers/caller-limits.ts';
import { memoryCounter } from '../callers/memory-counter.ts';
import type { Place } from '../callers/places.ts';
import type { Caller } from '../callers/caller.ts';
import { LOOPBACK_HOSTS, Origins } from '../callers/origins.ts';
import { memoryLog } from '../log/memory-log.ts';
import { resumable } from '../resumable/resumable.ts';
import type { Resumable } from '../resumable/resumable.ts';
import { memoryTickets } from '../callers/tickets.ts';
import type { TicketStore } from '../callers/tickets.ts';
import type { NodeResponse } from '../send/node-sink.ts';
import { valuesOf } from './kept-values.ts';
import { Metrics } from './metrics.ts';
import { serverSettings } from './options.ts';
import type { ServerOptions, ServerSettings } from './options.ts';
import { PipelineTable } from './pipelines.ts';
import type { Pipelines } from './pipelines.ts';
import { Settlements } from './settlements.ts';
import { Turns } from './turns.ts';

/** What the routes know of a request. */
export interface ServerEnv {
  Bindings: {
    /** The response of Node, if the server listens there: a stream is written to it without a web stream between. */
    direct?: NodeResponse;
    /** Makes a WebSocket of a request, if the server listens on Node. */
    upgradeWebSocket?: UpgradeWebSocket;
  };
  Variables: {
    requestId: string;
    /** Set behind the check of the caller. */
    caller: Caller;
    /** The place of the answer, set behind the check of the caller's limits. */
    place: Place;
    /** More headers of the answer. */
    headers: Record<string, string>;
    /** Resolves with the status of an answer that is written to Node's response, when all of it is written. */
    sent?: Promise<number>;
  };
}

/** The app of a server. */
export type ServerApp = Hono<ServerEnv>;
/** What a handler of a server's app gets. */
export type ServerContext = Context<ServerEnv>;

/** What all routes of one server share. */
export interface Service {
  settings: ServerSettings;
  log: Logger;
  table: PipelineTable;
  /** Turns that live apart from their connections. */
  runs: Resumable;
  turns: Turns;
  counts: CallerCounts;
  metrics: Metrics;
  origins: Origins;
  tickets: TicketStore;
  check: CheckCaller;
  /** The server is about to stop: `/ready` says so. */
  isDraining: boolean;
}

/** Makes what the routes share. Throws `invalid_options`. */
export function serviceOf(pipelines: Pipelines, options: ServerOptions): Service {
  const settings = serverSettings(options);
  const table = new PipelineTable(pipelines, settings.name);
  const metrics = new Metrics();
  const log = settings.logger === undefined ? silent : toLogger(settings.logger);
  const counts = new CallerCounts(settings.limits, settings.counter ?? memoryCounter(), log);
  const settlements = new Settlements({ table, counts, metrics, log, logsContent: settings.logContent });
  const runs = resumable(Object.fromEntries(table.all.map(({ name, pipeline }) => [name, pipeline])), {
    log: settings.log ?? memoryLog(),
    orphanMs: settings.orphanMs,
    leaseMs: settings.leaseMs,
    onOwnerLost: settings.onOwnerLost,
    keepTrace: settings.debug,
    runOptions: (_start, kept) => ({ values: valuesOf(kept) }),
    onEnd: (start, end, { owner }) => settlements.ended(owner, start, end),
  });
  const turns = new Turns({
    ...{ counts, metrics, settlements, runs },
    isResumable: settings.resumable,
    showsTrace: settings.debug,
  });
  // Without a check of callers, only names of this machine are answered for: a page elsewhere may have pointed its own name here.
  const hosts = settings.hosts ?? (settings.auth === false ? LOOPBACK_HOSTS : undefined);
  return {
    settings,
    log,
    table,
    counts,
    metrics,
    runs,
    turns,
    origins: new Origins(hosts, settings.origins),
    tickets: settings.tickets ?? memoryTickets(),
    check: callerCheck(settings.auth),
    isDraining: false,
  };
}

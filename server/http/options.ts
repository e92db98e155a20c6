import * as z from 'zod';
import type { UpgradeWebSocket } from 'hono/ws';
import type { LoggerLike } from '../../src/index.ts';
import { option, parseOptions } from '../../src/kit/index.ts';
import type { Auth } from '../callers/auth.ts';
import type { Caller, CallerLimits } from '../callers/caller.ts';
import type { ChunkLog } from '../log/chunk-log.ts';
import { isRecord } from '../requests/read.ts';
import { LOG_VERBS } from '../resumable/options.ts';
import type { OnOwnerLost } from '../resumable/options.ts';
import type { CallerCounter } from '../callers/counter.ts';
import type { TicketStore } from '../callers/tickets.ts';

/** Options of `createServer()`. */
export interface ServerOptions {
  /** Who may call: tokens, a function, or `false` for a server that listens on loopback alone. */
  auth: Auth;
  /** What the server is called: in `/health`, in the metadata, and the name of a pipeline that is given alone. Default: `agent`. */
  name?: string | undefined;
  description?: string | undefined;
  /** Where the server's own routes are. Default: `/api/v1`. */
  basePath?: string | undefined;
  /**
   * The host names that requests may be sent to, with a port or without. `/health` and `/ready` answer under any: balancers ask by address. Default: those of loopback if `auth` is
   * false, else any.
   */
  hosts?: readonly string[] | undefined;
  /**
   * The origins of pages that may call: for CORS, for WebSockets and for streams by GET, such as `https://chat.example.com`. Default: none besides the server's own address on
   * loopback.
   */
  origins?: readonly string[] | undefined;
  /** What each caller may use, unless the caller has limits of its own. */
  limits?: CallerLimits | undefined;
  /** The largest body of the server's own routes, in bytes. Default: 1,048,576. */
  maxBodyBytes?: number | undefined;
  /** The largest body of the compatible routes, in bytes: images come in them. Default: 33,554,432. */
  maxCompatibleBodyBytes?: number | undefined;
  /** How deep the JSON of a body may be. Default: 64. */
  maxDepth?: number | undefined;
  /** How long a body may take, in milliseconds. Default: 30,000. */
  bodyTimeoutMs?: number | undefined;
  /** How long a status waits for the first chunk, in milliseconds. Default: 5,000. */
  statusWaitMs?: number | undefined;
  /** The longest silence of a stream before a heartbeat, in milliseconds. Default: 8,000. */
  heartbeatMs?: number | undefined;
  /** How long a client that does not keep up has to take what waits for it, in milliseconds. Default: 30,000. */
  slowClientMs?: number | undefined;
  /** Whether `GET {basePath}/agent/stream?prompt=` is there, for the `EventSource` of browsers. Default: false. */
  getStream?: boolean | undefined;
  /** Whether `/metrics` is there. It needs a token like all else. Default: true. */
  metrics?: boolean | undefined;
  /** Whether clients that ask for it get warnings and the trace of their turns. Default: false. */
  debug?: boolean | undefined;
  /** Whether the pipeline's own tools are offered beside those of a client on the compatible routes, without a session. Default: false. */
  ownTools?: boolean | undefined;
  /** Makes the owner of sessions and streams. Default: the caller's id, with the organization before it if the request names one. */
  owner?: ((caller: Caller, organization: string | undefined) => string) | undefined;
  /** Where the chunks of streams are kept. Default: in memory, for one process. */
  log?: ChunkLog | undefined;
  /**
   * Whether streams live apart from their connections: a client that was cut off comes back and reads what it missed, on any process that has the same log. Default: false, a client that
   * leaves cancels its turn. A request with an id of its own joins the running turn either way.
   */
  resumable?: boolean | undefined;
  /** How long a turn goes on that nobody reads, in milliseconds, if streams live apart from their connections. Default: 120,000. */
  orphanMs?: number | undefined;
  /**
   * How long the log takes a turn for alive without hearing of it, in milliseconds: if its process dies, its readers go on, or learn of it, after that and half a second. At least
   * 100. Default: 5,000.
   */
  leaseMs?: number | undefined;
  /** What becomes of a turn whose process died: see the option of the same name of `resumable()`. Default: `resume`. */
  onOwnerLost?: OnOwnerLost | undefined;
  /** Whether the page for people is at `/`. Default: true. */
  page?: boolean | undefined;
  /** Whether the pages of `useChat` and AG-UI have sessions on the server, under the ids of their chats and threads. Default: true. */
  uiSessions?: boolean | undefined;
  /** Where tickets wait for their use. Default: in memory, for one process. Several processes share `redisTickets()`. */
  tickets?: TicketStore | undefined;
  /** Counts what callers use. Default: in memory, for one process. Several processes share `redisCounter()`. */
  counter?: CallerCounter | undefined;
  /** Where the server writes what went wrong, with the id of the request. Default: nowhere. */
  logger?: LoggerLike | undefined;
  /**
   * Whether the log has the messages of errors, too. They may quote a provider, and with it what users and models said. Keys are left out in any case. Default: false, the log has codes,
   * statuses and ids.
   */
  logContent?: boolean | undefined;
  /** Makes a WebSocket of a request, as hono has it for each runtime. Default: that of Node, if the server listens there. */
  upgradeWebSocket?: UpgradeWebSocket | undefined;
}

const schema = z.strictObject({
  auth: z.custom<Auth>(isAuth, 'give { tokens: { token: "caller" } }, a function, or false'),
  name: z.string().min(1).default('agent'),
  description: z.string().optional(),
  basePath: z
    .string()
    .regex(/^(?:\/[\w.-]+)+$/, 'give a path such as /api/v1')
    .default('/api/v1'),
  hosts: z.array(z.string().min(1)).optional(),
  origins: z
    .array(z.string().regex(/^[a-z][\w+.-]*:\/\/[^/\s]+$/, 'give origins such as https://example.com'))
    .default([]),
  limits: z
    .strictObject({
      requestsPerMinute: option.count(1).optional(),
      concurrentStreams: option.count(1).optional(),
      tokensPerMinute: option.count(1).optional(),
      usdPerDay: z.number().positive().optional(),
      unknownCost: z.enum(['allow', 'refuse']).optional(),
    })
    .default({}),
  maxBodyBytes: option.count(1).default(1_048_576),
  maxCompatibleBodyBytes: option.count(1).default(33_554_432),
  maxDepth: option.count(1).default(64),
  bodyTimeoutMs: option.timerMs().default(30_000),
  statusWaitMs: option.timerMs().default(5_000),
  heartbeatMs: option.timerMs().min(1).default(8_000),
  slowClientMs: option.timerMs().default(30_000),
  getStream: z.boolean().default(false),
  metrics: z.boolean().default(true),
  debug: z.boolean().default(false),
  ownTools: z.boolean().default(false),
  owner: option.functionOf<NonNullable<ServerOptions['owner']>>().optional(),
  log: option.methods<ChunkLog>(...LOG_VERBS).optional(),
  resumable: z.boolean().default(false),
  orphanMs: option.milliseconds().default(120_000),
  leaseMs: option.timerMs().min(100).default(5_000),
  onOwnerLost: z.enum(['resume', 'restart', 'end']).default('resume'),
  page: z.boolean().default(true),
  uiSessions: z.boolean().default(true),
  tickets: option.methods<TicketStore>('put', 'take').optional(),
  counter: option.methods<CallerCounter>('begin', 'hold', 'leave', 'spend').optional(),
  logger: option.methods<LoggerLike>('info', 'warn', 'error', 'debug').optional(),
  logContent: z.boolean().default(false),
  upgradeWebSocket: option.functionOf<UpgradeWebSocket>().optional(),
});

/** The options with their defaults. */
export type ServerSettings = z.output<typeof schema>;

/** Checks the options of `createServer()`. Throws `invalid_options`. */
export function serverSettings(options: ServerOptions): ServerSettings {
  return parseOptions('createServer()', schema, options);
}

function isAuth(value: unknown): boolean {
  if (value === false || typeof value === 'function') return true;
  return typeof value === 'object' && value !== null && 'tokens' in value && isRecord(value.tokens);
}

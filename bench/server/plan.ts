import type { Script } from '../upstream/script.ts';

/** What each request asks for: an answer in text, or one for which the model calls a tool first. */
export type Work = 'text' | 'tool';

/** The pieces of an answer in text. Two lengths tell what a chunk costs, and what a request. */
const CHUNKS = Number(process.env['SLUICE_BENCH_CHUNKS'] ?? 20);

/** The answer of the load: 20 chunks, 100 ms to the first, 30 ms apart. */
export const SCRIPTS: Readonly<Record<Work, Script>> = {
  text: { chunks: CHUNKS, perWrite: 1, paceMs: 30, firstMs: 100 },
  tool: { chunks: 20, perWrite: 1, paceMs: 30, firstMs: 100, tool: true },
};

/** How long the tool takes, in milliseconds. */
export const TOOL_MS = 500;

/** Who serves. The peers stand behind hono, as Sluice's own server does; the floor is written by hand for this load alone. */
export const SERVERS = ['sluice', 'openai-sdk', 'langchain', 'ai-sdk', 'floor'] as const;
export type ServerName = (typeof SERVERS)[number];

/** Where the streams of a server are kept that outlive their connections. */
export type LogName = 'memory' | 'redis' | 'postgres';

export const LABELS: Readonly<Record<ServerName, string>> = {
  sluice: 'Sluice, `createServer()`',
  'openai-sdk': '`openai` SDK + hono',
  langchain: 'LangChain + hono',
  'ai-sdk': 'Vercel AI SDK + hono',
  floor: '`node:http` + undici + `JSON.parse`, by hand',
};

/** One run of the load. */
export interface Load {
  work: Work;
  /** How many requests are open at once. Each one that ends is followed by the next. */
  concurrent: number;
  requests: number;
}

/** The task of a server's process. */
export interface ServeTask extends Load {
  who: ServerName;
  /** Where the upstream is. */
  origin: string;
  /** Where its streams are kept, if they outlive their connections, and what is made there is called. */
  log?: { which: LogName; name: string };
  /** Whether its runs are profiled. */
  profile?: boolean;
}

/** What a load saw. Times are in milliseconds. */
export interface Seen {
  requests: number;
  /** How many requests did not give the whole text, and what the first of them said. */
  failed: number;
  firstError?: string;
  seconds: number;
  firstByteP50: number;
  firstByteP99: number;
}

/** What a run gave: what the load saw, and what the server's process used for it. */
export interface ServedLoad extends Seen {
  cpuMsPerRequest: number;
  /** How long its garbage collector held it up for each request, by the clock. */
  gcMsPerRequest: number;
  /** The largest resident memory of the process, in megabytes. */
  peakMb: number;
}

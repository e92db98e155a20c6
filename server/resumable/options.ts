import * as z from 'zod';
import type { ContextEntry } from '../../src/index.ts';
import { option, parseOptions } from '../../src/kit/index.ts';
import type { ChunkLog, LoggedStart, StreamKey } from '../log/chunk-log.ts';
import type { SentEnd } from '../stream/parts.ts';

/** What becomes of a turn whose process died. */
export type OnOwnerLost = 'resume' | 'restart' | 'end';

/** What each run of a turn gets besides what was asked: what cannot be written into a log. */
export interface RunOptions {
  /** Typed values for the middleware. */
  values?: Iterable<ContextEntry>;
}

/** Options of {@link resumable}. */
export interface ResumableOptions {
  /** Where the chunks are kept. It is the caller's to close. */
  log: ChunkLog;
  /**
   * How long the log takes a run for alive without hearing of it, in milliseconds. A run renews it each third of that. If its process dies, its readers learn that after this time
   * and `graceMs`. At least 100. Default: 5,000.
   */
  leaseMs?: number;
  /** How much longer readers wait before they take a run for dead, in milliseconds: the first chance after an outage of the log is the run's. Default: 500. */
  graceMs?: number;
  /** How long a run goes on that nobody reads, in milliseconds; then it ends as cancelled, with the reason `orphaned`. 0: to its end. Default: 120,000. */
  orphanMs?: number;
  /** How long a run, a reader or a request waits for a log that fails, in milliseconds, before it fails itself. The model is not read in this time. Default: 10,000. */
  storeWaitMs?: number;
  /** How long a run waits between two appends, in milliseconds, so that more chunks go with each. Default: what the log says, mostly 0. */
  coalesceMs?: number;
  /** The longest time of one run, in milliseconds, if that is less than the pipeline's `executionTimeoutMs` and the request's own limits. */
  runTimeoutMs?: number;
  /**
   * What becomes of a turn whose process died. `resume`: whoever serves one of its readers runs it again if it is a turn of a session, where it goes on from its last stored
   * step; any other ends with `lease_lost`. `restart`: the same, and those without a session are asked again. `end`: all end with `lease_lost`. Default: `resume`.
   */
  onOwnerLost?: OnOwnerLost;
  /** How often a turn is taken over at most. What a process that shuts down hands over does not count. Default: 2. */
  maxTakeovers?: number;
  /**
   * How often this process looks for turns whose processes died and that nobody reads, in milliseconds, give or take a half. It does so from the first turn or reader on, if other processes
   * have the same log. 0: never. Default: 15,000.
   */
  sweepMs?: number;
  /** The largest request that is kept in the log, as characters of JSON. A turn whose request is larger is not taken over. Default: 262,144. */
  maxRequestCharacters?: number;
  /**
   * What each run of a turn gets besides what was asked, also one that takes it over: such as the values of its tenant. `kept` is what the turn was given under this name. A turn that was
   * given `values` of its own is only taken over if there is this option.
   */
  runOptions?: (start: LoggedStart, kept: unknown) => RunOptions;
  /** Whether the spans of each execution are kept with its end, for clients that may see them. Default: false. */
  keepTrace?: boolean;
  /**
   * Called once for each run in this process, when it is over and stored: also for one that was stopped, that nobody read, or that lost its stream (`lease_lost`). For meters and
   * limits of callers. What it throws is left out.
   */
  onEnd?: (start: LoggedStart, end: SentEnd, key: StreamKey) => void;
}

/** The methods of a log that are used. */
export const LOG_VERBS = [
  ...(['open', 'append', 'read', 'stop', 'release', 'settle', 'watch', 'running', 'unowned'] as const),
] as const;

const schema = z.strictObject({
  log: option.methods<ChunkLog>(...LOG_VERBS),
  leaseMs: option.timerMs().min(100).default(5_000),
  graceMs: option.timerMs().default(500),
  orphanMs: option.milliseconds().default(120_000),
  storeWaitMs: option.timerMs().default(10_000),
  coalesceMs: option.timerMs().optional(),
  runTimeoutMs: option.milliseconds().optional(),
  onOwnerLost: z.enum(['resume', 'restart', 'end']).default('resume'),
  maxTakeovers: option.count(0).default(2),
  sweepMs: option.milliseconds().default(15_000),
  maxRequestCharacters: option.count(0).default(262_144),
  runOptions: option.functionOf<(start: LoggedStart, kept: unknown) => RunOptions>().optional(),
  keepTrace: z.boolean().default(false),
  onEnd: option.functionOf<(start: LoggedStart, end: SentEnd, key: StreamKey) => void>().optional(),
});

/** The options with their defaults. */
export type Settings = z.output<typeof schema>;

/** Throws `invalid_options`. */
export function settingsOf(options: ResumableOptions): Settings {
  return parseOptions('resumable()', schema, options);
}

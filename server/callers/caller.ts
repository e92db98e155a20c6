import { contextKey } from '../../src/index.ts';

/** What one caller may use. The limits hold over all processes that have the same `counter`. */
export interface CallerLimits {
  /** Requests that start a turn, in a minute. Default: 600. */
  requestsPerMinute?: number | undefined;
  /** Answers that are open at the same time: streams, readers that came back, and turns in one piece. Default: 50. */
  concurrentStreams?: number | undefined;
  /** Tokens of all turns, in a minute. A turn that runs is counted at its end. Default: no limit. */
  tokensPerMinute?: number | undefined;
  /** Dollars of all turns, in a day of UTC. A turn that runs is counted at its end. Needs `cost()` in the pipeline. Default: no limit. */
  usdPerDay?: number | undefined;
  /**
   * With `usdPerDay`: what becomes of a caller if the cost of one of its turns is not known. `refuse`: its next requests are refused for the rest of the day, because nobody knows
   * whether the limit is reached. `allow`: the turn counts as 0 dollars. Default: `refuse`.
   */
  unknownCost?: 'allow' | 'refuse' | undefined;
}

/** Who makes a request. */
export interface Caller {
  /** Its own id: the owner of its sessions and streams is made of it. */
  id: string;
  /** The organizations that it may name as `org_id`. Default: none. */
  organizations?: readonly string[] | undefined;
  /** Its own limits, each in place of the server's. `Infinity`: none, also if the server has one. */
  limits?: CallerLimits | undefined;
}

/** The caller of the request that an execution serves, for middleware: `context.get(RequestCaller)`. */
export const RequestCaller = contextKey<Caller>('caller of the request');

/** What the client gave as `context`, for middleware: `context.get(RequestContext)`. It is data of a stranger. */
export const RequestContext = contextKey<Readonly<Record<string, unknown>>>('context of the request');

/** The caller of a server without authentication. */
export const ANYBODY: Caller = Object.freeze({ id: 'local' });

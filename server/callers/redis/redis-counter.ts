import * as z from 'zod';
import type { Begun, CallerCounter, CountedLimits, Spent } from '../counter.ts';
import { RedisCalls } from './redis-calls.ts';
import type { RedisCallersSettings } from './redis-calls.ts';
import { BEGIN, HOLD, LEAVE, SPEND } from './scripts.ts';

const number = z.string().regex(/^\d+$/).transform(Number);
const begunSchema = z.union([
  z
    .tuple([z.literal('begun'), number, number])
    .transform(([as, requests, resetMs]): Begun => ({ as, requests, resetMs })),
  z
    .tuple([z.literal('refused'), z.enum(['requests', 'streams', 'tokens', 'usd', 'cost']), number])
    .transform(([as, limit, retryAfterMs]): Begun => ({ as, limit, retryAfterMs })),
]);

/** How many uses one call says to be answered, and of how many callers they are remembered. The others are known for longer than they need to be. */
const MAX_ANSWERED = 100;
const MAX_CALLERS = 10_000;

/** Counts in Redis. A caller has two keys, and one for each use of late, in one slot of a Cluster. */
export class RedisCounter implements CallerCounter {
  readonly #calls: RedisCalls;
  readonly #prefix: string;
  /** The keys of uses whose answers have come, by their callers. The next use of the caller takes them along. */
  readonly #answered = new Map<string, string[]>();

  constructor(settings: RedisCallersSettings) {
    this.#calls = new RedisCalls(settings, 'counter of callers');
    this.#prefix = settings.prefix;
  }

  async begin(caller: string, place: string, limits: CountedLimits, leaseMs: number): Promise<Begun> {
    const { requestsPerMinute, concurrentStreams, tokensPerMinute, usdPerDay, unknownCost } = limits;
    const reply = await this.#calls.run(
      'begin',
      BEGIN,
      [this.#used(caller), this.#places(caller)],
      [
        place,
        String(leaseMs),
        String(requestsPerMinute),
        String(concurrentStreams),
        String(tokensPerMinute ?? ''),
        String(usdPerDay ?? ''),
        unknownCost,
      ],
    );
    const begun = begunSchema.safeParse(reply);
    if (begun.success) return begun.data;
    throw this.#calls.unreadable('begin');
  }

  async hold(
    caller: string,
    place: string,
    { concurrentStreams }: Pick<CountedLimits, 'concurrentStreams'>,
    leaseMs: number,
  ): Promise<boolean> {
    const args = [place, String(leaseMs), String(concurrentStreams)];
    return Number(await this.#calls.run('hold', HOLD, [this.#places(caller)], args)) === 1;
  }

  async leave(caller: string, place: string): Promise<void> {
    await this.#calls.run('leave', LEAVE, [this.#places(caller)], [place]);
  }

  async spend(caller: string, id: string, { tokens, usd, isUnknown }: Spent): Promise<void> {
    const once = `${this.#prefix}:caller-spent:${tagOf(caller)}:${encodeURIComponent(id)}`;
    const args = [String(tokens), String(usd), isUnknown ? '1' : '0'];
    const answered = this.#answered.get(caller)?.splice(0, MAX_ANSWERED) ?? [];
    await this.#calls.run('spend', SPEND, [this.#used(caller), once, ...answered], args);
    this.#hasAnswered(caller, once);
  }

  #hasAnswered(caller: string, once: string): void {
    const keys = this.#answered.get(caller) ?? [];
    keys.push(once);
    // The caller is the newest now.
    this.#answered.delete(caller);
    this.#answered.set(caller, keys);
    const [oldest] = this.#answered.keys();
    if (this.#answered.size > MAX_CALLERS && oldest !== undefined) this.#answered.delete(oldest);
  }

  #used(caller: string): string {
    return `${this.#prefix}:caller:${tagOf(caller)}`;
  }

  #places(caller: string): string {
    return `${this.#prefix}:caller-places:${tagOf(caller)}`;
  }
}

/** Encoded, so that no character of an id has a meaning in a key. The @ keeps the tag from being empty, which Redis would ignore. */
function tagOf(caller: string): string {
  return `{@${encodeURIComponent(caller)}}`;
}

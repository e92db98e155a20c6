import type { RedisClient } from '../../../stores/redis/shared.ts';
import type { HintChannel, Hints } from '../hints.ts';
import { keyOfMember } from './keys.ts';

type Listener = (...given: unknown[]) => void;

/** The part of a client of either library that is used to subscribe. */
interface Subscriber {
  subscribe: (channel: string, listener?: (message: string) => void) => Promise<unknown>;
  on: (event: string, listener: Listener) => unknown;
  connect?: () => Promise<unknown>;
  disconnect?: () => unknown;
  destroy?: () => unknown;
}

/** Events after which hints may be missing, until it is `ready` again. */
const DOWN = ['error', 'close', 'end', 'reconnecting'];

/** Receives the hints of one process, on one connection, which is made of the caller's client when somebody waits for the first time. */
export class Subscription implements HintChannel {
  readonly #client: RedisClient;
  readonly #channel: string;
  readonly #hints: () => Hints;
  #subscriber: Subscriber | undefined;
  #state: 'idle' | 'subscribing' | 'up' | 'impossible' = 'idle';
  #isClosed = false;

  constructor(client: RedisClient, channel: string, hints: () => Hints) {
    this.#client = client;
    this.#channel = channel;
    this.#hints = hints;
  }

  open(): void {
    if (this.#state === 'idle' && !this.#isClosed) void this.#subscribe();
  }

  close(): void {
    this.#isClosed = true;
    const subscriber = this.#subscriber;
    if (subscriber === undefined) return;
    if (isNodeRedis(this.#client)) subscriber.destroy?.();
    else subscriber.disconnect?.();
  }

  async #subscribe(): Promise<void> {
    this.#state = 'subscribing';
    try {
      const subscriber = (this.#subscriber ??= await this.#connected());
      if (subscriber === undefined) {
        // A pool cannot subscribe. Polling remains.
        this.#state = 'impossible';
        return;
      }
      if (isNodeRedis(this.#client)) await subscriber.subscribe(this.#channel, this.#onMessage);
      else await subscriber.subscribe(this.#channel);
      if (this.#isClosed) return;
      this.#state = 'up';
      this.#hints().up();
    } catch {
      // The next poll tries again.
      this.#down();
    }
  }

  async #connected(): Promise<Subscriber | undefined> {
    const subscriber = duplicateOf(this.#client);
    if (subscriber === undefined) return undefined;
    this.#subscriber = subscriber;
    for (const event of DOWN) subscriber.on(event, () => this.#down());
    subscriber.on('message', (channel, message) => {
      if (channel === this.#channel && typeof message === 'string') this.#onMessage(message);
    });
    // After a reconnection both libraries subscribe again by themselves. A second subscribe says when that is done.
    subscriber.on('ready', () => this.open());
    if (isNodeRedis(this.#client)) await subscriber.connect?.();
    return subscriber;
  }

  #down(): void {
    if (this.#isClosed) return;
    this.#state = 'idle';
    this.#hints().down();
  }

  readonly #onMessage = (message: string): void => {
    const what = message.startsWith('s') ? 'stop' : 'chunks';
    this.#hints().watchers.wake(keyOfMember(message.slice(1)), what);
  };
}

function isNodeRedis(client: RedisClient): boolean {
  return 'evalSha' in client;
}

function duplicateOf(client: RedisClient): Subscriber | undefined {
  const duplicate: unknown = Reflect.get(client, 'duplicate');
  if (typeof duplicate !== 'function') return undefined;
  const made: unknown = Reflect.apply(duplicate, client, []);
  return isSubscriber(made) ? made : undefined;
}

function isSubscriber(value: unknown): value is Subscriber {
  if (typeof value !== 'object' || value === null) return false;
  return ['subscribe', 'on'].every((name) => typeof Reflect.get(value, name) === 'function');
}

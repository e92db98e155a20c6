import { SluiceError } from '../../../src/index.ts';
import { Server, faultOf } from '../../../stores/redis/shared.ts';
import type { RedisClient, Script } from '../../../stores/redis/shared.ts';

/** The checked options of `redisCounter()` and `redisTickets()`. */
export interface RedisCallersSettings {
  client: RedisClient;
  prefix: string;
  timeoutMs: number;
}

/** Runs one script a call. Errors are of code `store`. */
export class RedisCalls {
  readonly #server: Server;
  readonly #what: string;

  /** `what`: what fails, for the message of errors. */
  constructor({ client, timeoutMs }: RedisCallersSettings, what: string) {
    this.#server = new Server(client, timeoutMs);
    this.#what = what;
  }

  async run(doing: string, script: Script, keys: string[], args: string[]): Promise<unknown> {
    try {
      return await this.#server.call((call) => this.#server.run(call, script, { keys, args }));
    } catch (error) {
      throw faultOf(this.#what, error, doing) ?? this.unreadable(doing, error);
    }
  }

  /** The error for an answer that this library would not have given. */
  unreadable(doing: string, cause?: unknown): SluiceError {
    const what = 'what is stored cannot be read: has something else written to the keys?';
    return new SluiceError('store', `The ${this.#what} failed at ${doing}: ${what}`, {
      retryable: false,
      cause,
    });
  }
}

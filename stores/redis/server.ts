import { createHash } from 'node:crypto';
import { isSluiceError } from '../../src/index.ts';
import { closeClient, destroyClient, runByDigest, runByText } from './client.ts';
import type { RedisClient, ScriptCall } from './client.ts';
import { failedError, noAnswerError } from './failures.ts';

/** A script, and the digest by which a server that has seen it knows it. */
export interface Script {
  readonly text: string;
  readonly digest: string;
}

/** Makes a script of a Lua text. */
export function script(text: string): Script {
  return { text, digest: createHash('sha1').update(text).digest('hex') };
}

/** One call of the store or of the ledger, with all the commands that it needs. */
export interface StoreCall {
  /** Its name, such as `append`. */
  readonly doing: string;
  /** Its time is up: it has failed, and sends nothing more. */
  readonly isOver: boolean;
}

/** Runs scripts on a server through the caller's client. Whatever fails is a `store` error. */
export class Server {
  readonly #client: RedisClient;
  readonly #timeoutMs: number;
  readonly #name: 'session store' | 'ledger';

  constructor(client: RedisClient, timeoutMs: number, name: 'session store' | 'ledger') {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#name = name;
  }

  /**
   * Makes one call, whose commands together have `timeoutMs`: a client that has lost its connection may keep a command for as long as it takes to get
   * another one. `work` goes on if an answer comes late, to give back what nobody waits for any more.
   */
  async call<T>(doing: string, work: (call: StoreCall) => Promise<T>): Promise<T> {
    const call = { doing, isOver: false };
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      call.isOver = true;
      late.reject(this.#tooLate(call));
    }, this.#timeoutMs);
    try {
      return await Promise.race([work(call), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs a script for a call. */
  async run(call: StoreCall, { text, digest }: Script, command: ScriptCall): Promise<unknown> {
    this.check(call);
    try {
      return await runByDigest(this.#client, digest, command);
    } catch (error) {
      if (!answersWith(error, 'NOSCRIPT')) throw this.#failed(call, command, error);
    }
    this.check(call);
    try {
      return await runByText(this.#client, text, command);
    } catch (error) {
      throw this.#failed(call, command, error);
    }
  }

  /** Throws `store` if the time of a call is up. */
  check(call: StoreCall): void {
    if (call.isOver) throw this.#tooLate(call);
  }

  /** Ends the client's connections when the commands under way are answered. */
  async close(call: StoreCall): Promise<void> {
    try {
      await closeClient(this.#client);
    } catch (error) {
      if (!isClosed(error)) throw this.#failed(call, { keys: [], args: [] }, error);
    }
  }

  /** Ends the client's connections at once. Nobody waits for it, and it may fail. */
  destroy(): void {
    destroyClient(this.#client).catch(() => undefined);
  }

  #failed({ doing }: StoreCall, { keys }: ScriptCall, error: unknown): Error {
    return isSluiceError(error) ? error : failedError({ name: this.#name, doing, keys }, error);
  }

  #tooLate({ doing }: StoreCall): Error {
    return noAnswerError(this.#name, doing, this.#timeoutMs);
  }
}

/** Whether a server refused keys that live on different nodes of a cluster. */
export function isCrossSlot(error: unknown): boolean {
  return error instanceof Error && answersWith(error.cause, 'CROSSSLOT');
}

function answersWith(error: unknown, code: string): boolean {
  return error instanceof Error && error.message.startsWith(code);
}

/** What node-redis and ioredis say if they are closed already. */
function isClosed(error: unknown): boolean {
  return answersWith(error, 'The client is closed') || answersWith(error, 'Connection is closed');
}

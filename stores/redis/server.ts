import { createHash } from 'node:crypto';
import { Timer } from '../../src/kit/index.ts';
import { closeClient, destroyClient, runByDigest, runByText } from './client.ts';
import type { RedisClient, ScriptCall } from './client.ts';
import { CommandError, LateError } from './failures.ts';

/** A script, and the digest under which a server caches it. */
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
  /** Whether its time is up. The call has then failed and sends nothing more. */
  readonly isOver: boolean;
}

/** Runs scripts on a server through the caller's client. */
export class Server {
  readonly #client: RedisClient;
  readonly #timeoutMs: number;

  constructor(client: RedisClient, timeoutMs: number) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Makes one call, whose commands together have `timeoutMs`: a client that has lost its connection may keep a command for as long as it takes to get
   * another one. If an answer comes late, `work` goes on, to undo what the caller does not wait for any more.
   */
  async call<T>(work: (call: StoreCall) => Promise<T>): Promise<T> {
    const call = { isOver: false };
    const late = Promise.withResolvers<never>();
    using timer = new Timer(() => {
      call.isOver = true;
      late.reject(new LateError(this.#timeoutMs));
    });
    timer.start(this.#timeoutMs);
    return await Promise.race([work(call), late.promise]);
  }

  /** Runs a script for a call. */
  async run(call: StoreCall, { text, digest }: Script, command: ScriptCall): Promise<unknown> {
    this.check(call);
    try {
      return await runByDigest(this.#client, digest, command);
    } catch (error) {
      if (!answersWith(error, 'NOSCRIPT')) throw new CommandError(command.keys, error);
    }
    this.check(call);
    try {
      return await runByText(this.#client, text, command);
    } catch (error) {
      throw new CommandError(command.keys, error);
    }
  }

  /** Throws if the time of a call is up. */
  check(call: StoreCall): void {
    if (call.isOver) throw new LateError(this.#timeoutMs);
  }

  /** Ends the client's connections when the commands under way are answered. */
  async close(): Promise<void> {
    try {
      await closeClient(this.#client);
    } catch (error) {
      if (!isClosed(error)) throw new CommandError([], error);
    }
  }

  /** Ends the client's connections at once. Nobody waits for it, and it may fail. */
  destroy(): void {
    destroyClient(this.#client).catch(() => undefined);
  }
}

/** Whether a server refused keys that are on different nodes of a cluster. */
export function isCrossSlot(error: unknown): boolean {
  return error instanceof CommandError && answersWith(error.cause, 'CROSSSLOT');
}

function answersWith(error: unknown, code: string): boolean {
  return error instanceof Error && error.message.startsWith(code);
}

/** The messages of node-redis and ioredis if they are closed already. */
function isClosed(error: unknown): boolean {
  return answersWith(error, 'The client is closed') || answersWith(error, 'Connection is closed');
}

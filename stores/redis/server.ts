import { createHash } from 'node:crypto';
import { SluiceError, isSluiceError, storeFailedError } from '../../src/index.ts';
import { closeClient, runByDigest, runByText } from './client.ts';
import type { RedisClient, ScriptCall } from './client.ts';

/** A script, and the digest by which a server that has seen it knows it. */
export interface Script {
  readonly text: string;
  readonly digest: string;
}

/** Makes a script of a Lua text. */
export function script(text: string): Script {
  return { text, digest: createHash('sha1').update(text).digest('hex') };
}

/** Runs scripts on a server through the caller's client. Whatever fails is a `store` error, retryable. */
export class Server {
  readonly #client: RedisClient;
  readonly #timeoutMs: number;

  constructor(client: RedisClient, timeoutMs: number) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  /** Runs a script. `doing` says for what, such as `append`. */
  async run(doing: string, { text, digest }: Script, call: ScriptCall): Promise<unknown> {
    try {
      return await this.#inTime(
        runByDigest(this.#client, digest, call).catch((error: unknown) => {
          if (!answersWith(error, 'NOSCRIPT')) throw error;
          return runByText(this.#client, text, call);
        }),
      );
    } catch (error) {
      throw isSluiceError(error) ? error : failed(doing, error);
    }
  }

  /** Ends the client's connections. */
  async close(): Promise<void> {
    try {
      await closeClient(this.#client);
    } catch (error) {
      throw storeFailedError('close', withoutArguments(error));
    }
  }

  /** A client that has lost its connection may keep a command for as long as it takes to get another one. */
  async #inTime<T>(answer: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`No answer within ${this.#timeoutMs} ms.`)),
      this.#timeoutMs,
    );
    try {
      return await Promise.race([answer, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Whether a server refused keys that live on different nodes of a cluster. */
export function isCrossSlot(error: unknown): boolean {
  return error instanceof Error && answersWith(error.cause, 'CROSSSLOT');
}

function answersWith(error: unknown, code: string): boolean {
  return error instanceof Error && error.message.startsWith(code);
}

function failed(doing: string, error: unknown): SluiceError {
  const cause = withoutArguments(error);
  // What node-redis says that was never connected, was closed, or gave up. It keeps commands only while it looks for a connection.
  if (!(cause instanceof Error && cause.message === 'The client is closed'))
    return storeFailedError(doing, cause);
  const mend =
    'the client is not connected: await client.connect() before the first turn, and close it after the last';
  return new SluiceError('store', `The session store failed at ${doing}: ${mend}.`, {
    retryable: true,
    cause,
  });
}

/** A client's error may hold the command that failed, and with it messages; a server's may quote its beginning. */
function withoutArguments(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const message = error.message.replace(/,? with args beginning with:.*$/s, '');
  const clean = new Error(message);
  clean.name = error.name;
  if ('code' in error && typeof error.code === 'string') Object.assign(clean, { code: error.code });
  return clean;
}

import { CodedError } from '../src/index.ts';
import type { Connection, Opening, Transport, WireEvent } from './connection.ts';
import { streamPath } from './requests.ts';
import { abortedBy, errorOfThrown } from './wire-errors.ts';

/** How a stream comes back after its connection broke. */
export interface ReconnectOptions {
  /** How many times it is tried in a row before the stream fails. Each event that comes begins the count anew. Default: 8; 0: never. */
  attempts?: number;
  /** The longest wait before the first attempt, in milliseconds; it doubles from attempt to attempt. Default: 250. */
  initialMs?: number;
  /** The longest wait of all, in milliseconds. Default: 10,000. */
  maxMs?: number;
}

/** What a stream tells about its connection. `lost`: it broke, or the server was not reached; not told if the server refused. */
export type ConnectionState = 'connecting' | 'open' | 'lost';

/** What a {@link Link} needs. */
export interface LinkOptions {
  transport: Transport;
  opening: Omit<Opening, 'signal'>;
  reconnect: Required<ReconnectOptions>;
  /** Ends the stream as `aborted`. */
  signal?: AbortSignal | undefined;
  /** Is told how the connection is. */
  onConnection?: ((state: ConnectionState) => void) | undefined;
}

/** The connection of one stream, which is opened again as often as it breaks. */
export class Link {
  /** The id of the last event that was taken. */
  after: string | undefined;
  /** The id of the stream, as soon as it is known. */
  id: string | undefined;
  readonly #options: LinkOptions;
  readonly #controller = new AbortController();
  #connection: Connection | undefined;
  /** Whether the server has answered: what follows joins. */
  #began = false;
  #failures = 0;
  #lost: CodedError | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.after = options.opening.after;
  }

  /** The next events. Rejects with the error that ends the stream. */
  async read(): Promise<readonly WireEvent[]> {
    const { signal, onConnection } = this.#options;
    const leave = (): void => this.#controller.abort(signal?.reason);
    if (signal?.aborted === true) leave();
    else signal?.addEventListener('abort', leave);
    try {
      for (;;) {
        if (this.#controller.signal.aborted) throw abortedBy(this.#controller.signal.reason);
        try {
          const connection = (this.#connection ??= await this.#open());
          const events = await connection.read();
          if (events === undefined)
            throw new CodedError('truncated', 'The connection ended before the stream did.');
          this.#failures = 0;
          return events;
        } catch (thrown) {
          this.#connection?.close();
          this.#connection = undefined;
          if (this.#controller.signal.aborted) continue;
          const error = errorOfThrown(thrown);
          // A server that refuses has answered.
          if (!error.status) onConnection?.('lost');
          // A server that does not keep streams has none to come back to.
          if (this.#began && error.code === 'not_found') throw this.#lost ?? error;
          this.#lost = error;
          await this.#wait(error);
        }
      }
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  /** Whether an event has not been taken yet. A server that gives one again gives it the id that it had. */
  takes(id: string | undefined): boolean {
    if (id === undefined) return true;
    const [position, sub] = placeOf(id);
    const [last, lastSub] = placeOf(this.after);
    if (position < last || (position === last && sub <= lastSub)) return false;
    this.after = id;
    return true;
  }

  /** Leaves. A read that waits ends. */
  close(): void {
    this.#controller.abort();
    this.#connection?.close();
  }

  async #open(): Promise<Connection> {
    const { transport, opening, onConnection } = this.#options;
    onConnection?.('connecting');
    const join = this.id === undefined ? opening.join : streamPath(this.id);
    const signal = this.#controller.signal;
    const connection = await transport({
      ...opening,
      ...(this.#began && { path: undefined, body: undefined }),
      join,
      after: this.after,
      signal,
    });
    // The reader has left meanwhile, and nobody else closes it.
    if (signal.aborted) connection.close();
    signal.throwIfAborted();
    this.#began = true;
    onConnection?.('open');
    return connection;
  }

  /** Waits before the next attempt. Throws if there is none. */
  async #wait(error: CodedError): Promise<void> {
    const { attempts, initialMs, maxMs } = this.#options.reconnect;
    // What the server has refused it refuses again. Only where it was not reached is it asked once more.
    const mayHelp = this.#began ? error.retryable : error.code === 'network';
    if (!mayHelp || this.#failures >= attempts) throw error;
    const longestMs = Math.min(maxMs, initialMs * 2 ** this.#failures++);
    await this.#pause(error.retryAfterMs ?? Math.random() * longestMs);
  }

  /** Waits so long, or until the device is online again, or until the reader leaves. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#controller;
    const device: unknown = globalThis;
    const target = typeof EventTarget === 'function' && device instanceof EventTarget ? device : undefined;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        target?.removeEventListener('online', wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      target?.addEventListener('online', wake);
      signal.addEventListener('abort', wake);
    });
  }
}

/** Where an event is in its stream: its position, and which of the events of that position it is. */
export function placeOf(id = '-1'): [position: number, sub: number] {
  const [position = 0, sub = 0] = id.split('.').map(Number);
  return [position, sub];
}

import { CodedError } from '../src/index.ts';
import type { Connection, Opening, Transport, WireEvent } from './connection.ts';
import { streamPath } from './requests.ts';
import { errorOfThrown } from './wire-errors.ts';

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
  /** Is told how the connection is. */
  onConnection?: ((state: ConnectionState) => void) | undefined;
}

/** The connection of one stream, which is opened again as often as it breaks. */
export class Link {
  /** The id of the last event that was taken. */
  after: string | undefined;
  /** The id of the stream, as soon as it is known. */
  id: string | undefined;
  /** Why the connection was lost last. */
  lost: CodedError | undefined;
  readonly #options: LinkOptions;
  readonly #controller = new AbortController();
  #connection: Connection | undefined;
  /** Whether the server has answered: what follows joins. */
  #began = false;
  #failures = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.after = options.opening.after;
  }

  /** The next events. Rejects with the error that ends the stream. */
  async read(): Promise<readonly WireEvent[]> {
    for (;;) {
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
        const error = errorOfThrown(thrown);
        // A server that refuses has answered.
        if (error.retryable && !error.status && !this.#controller.signal.aborted)
          this.#options.onConnection?.('lost');
        // A server that does not keep streams has none to come back to. One that kept it says 410.
        if (this.#began && error.code === 'not_found' && error.status !== 410) throw this.lost ?? error;
        this.lost = error;
        if (!(await this.#mayReturn(error))) throw error;
      }
    }
  }

  /** Whether an event has not been taken yet. A server that gives one again gives it the id that it had. */
  takes(id: string | undefined): boolean {
    if (id === undefined) return true;
    if (placeOf(id) <= placeOf(this.after)) return false;
    this.after = id;
    return true;
  }

  /** Leaves. A read that waits rejects. */
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
    this.#began = true;
    // The reader has left meanwhile, and nobody else closes it.
    if (signal.aborted) connection.close();
    else onConnection?.('open');
    return connection;
  }

  /** Waits before the next attempt, or until the device is online again. False: there is no further attempt, or the reader has left. */
  async #mayReturn(error: CodedError): Promise<boolean> {
    const { attempts, initialMs, maxMs } = this.#options.reconnect;
    const { signal } = this.#controller;
    // What the server has refused it refuses again. Only where it was not reached is it asked once more.
    const mayHelp = this.#began ? error.retryable : error.code === 'network' && !error.status;
    if (signal.aborted || !mayHelp || this.#failures >= attempts) return false;
    const longestMs = Math.min(maxMs, initialMs * 2 ** this.#failures++);
    const device: typeof globalThis & Partial<EventTarget> = globalThis;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        device.removeEventListener?.('online', wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(maxMs, error.retryAfterMs ?? Math.random() * longestMs));
      device.addEventListener?.('online', wake);
      signal.addEventListener('abort', wake);
    });
    return !signal.aborted;
  }
}

/** Where an event is in its stream. In the format of this client, no two events have one position. */
export function placeOf(id = '-1'): number {
  return parseInt(id, 10);
}

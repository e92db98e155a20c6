import type { TLSSocket } from 'node:tls';
import type { Dispatcher } from 'undici';
import type { Http2Settings } from '../options/http2-options.ts';
import { dispatchRequest, exchanged, startDispatch, type Dispatches } from './dispatch-request.ts';
import { CONNECT_TIMEOUT_MS, HTTP1_OPTIONS } from './http1-options.ts';
import { needsOwnConnection } from './http2/headers.ts';
import { OriginPool, type PoolOwner } from './http2/origin-pool.ts';
import type { PlainRequest } from './plain-request.ts';

/** What is used of the module `undici`. */
type Agents = Pick<typeof import('undici'), 'Agent' | 'buildConnector'>;

/**
 * The connections of all providers that have no dispatcher of their own. Over https it speaks HTTP/2 where the server offers it, with a few
 * streams on each connection, else HTTP/1.1: see docs/decisions/0026-a-few-streams-on-each-connection.md.
 */
export class SharedDispatcher implements PoolOwner {
  readonly #agent: Dispatches & { destroy(): Promise<void> };
  /** By origin, one for each set of settings. */
  readonly #pools = new Map<string, OriginPool[]>();
  /** A connection for the next request over HTTP/1.1. */
  #spare: TLSSocket | undefined;
  #destroyed = false;

  constructor(undici: Agents) {
    const connector = undici.buildConnector({ allowH2: false, timeout: CONNECT_TIMEOUT_MS });
    this.#agent = new undici.Agent({
      ...HTTP1_OPTIONS,
      connect: (options, callback) => {
        const spare = this.#spare;
        this.#spare = undefined;
        if (spare === undefined) connector(options, callback);
        // Not at once: undici is not ready for that.
        else queueMicrotask(() => callback(null, spare));
      },
    });
  }

  /** Sends a request, over HTTP/1.1 alone if there are no settings for HTTP/2. */
  send(request: PlainRequest, settings: Http2Settings | undefined): Promise<Response> {
    const { target } = request;
    const http1 = settings === undefined || !target.origin.startsWith('https:') || needsOwnConnection(target);
    // An agent that was destroyed refuses the request.
    if (http1 || this.#destroyed) return dispatchRequest(this.#agent, request);
    return exchanged(request, (exchange) => this.#poolOf(target.origin, settings).send(request, exchange));
  }

  dispatch(request: PlainRequest, handler: Dispatcher.DispatchHandler): void {
    startDispatch(this.#agent, request, handler);
  }

  adopt(socket: TLSSocket, send: () => void): void {
    this.#spare = socket;
    send();
    this.#spare?.destroy();
    this.#spare = undefined;
  }

  emptied(pool: OriginPool): void {
    const others = this.#pools.get(pool.origin)?.filter((known) => known !== pool) ?? [];
    if (others.length > 0) this.#pools.set(pool.origin, others);
    else this.#pools.delete(pool.origin);
  }

  /** Ends all connections and their requests. */
  async destroy(): Promise<void> {
    this.#destroyed = true;
    const pools = [...this.#pools.values()].flat();
    this.#pools.clear();
    await Promise.all([this.#agent.destroy(), ...pools.map((pool) => pool.destroy())]);
  }

  #poolOf(origin: string, settings: Http2Settings): OriginPool {
    const pools = this.#pools.get(origin) ?? [];
    const known = pools.find((pool) => pool.has(settings));
    if (known !== undefined) return known;
    const pool = new OriginPool(origin, settings, this);
    this.#pools.set(origin, [...pools, pool]);
    return pool;
  }
}

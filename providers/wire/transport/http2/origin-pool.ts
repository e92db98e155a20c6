import { AsyncResource } from 'node:async_hooks';
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { Dispatcher } from 'undici';
import type { Http2Settings } from '../../options/http2-options.ts';
import type { PlainRequest } from '../plain-request.ts';
import { connectTls } from './connect.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import { closedTransport } from './errors.ts';
import { Http2Request, type RequestOwner } from './request.ts';

/** How long a server that does not speak HTTP/2 is not asked again whether it does. */
const HTTP1_MS = 600_000;

/** A connection is made ahead of need if less than this part of one is free. */
const AHEAD = 0.25;

/** The dispatcher that a pool belongs to. */
export interface PoolOwner {
  /** Sends a request over HTTP/1.1. */
  dispatch(request: PlainRequest, handler: Dispatcher.DispatchHandler): void;
  /** Offers a connection on which the server has chosen HTTP/1.1 to the requests that `send` dispatches. */
  adopt(socket: TLSSocket, send: () => void): void;
  /** The pool has no connection any more. */
  emptied(pool: OriginPool): void;
}

/** The connections to one https origin. */
export class OriginPool implements ConnectionOwner, RequestOwner {
  readonly origin: string;
  readonly #url: URL;
  readonly #settings: Http2Settings;
  readonly #owner: PoolOwner;
  readonly #connections = new Set<Connection>();
  /** Those that may have room. The last one gets the next request, so few are used, and the others become idle. */
  readonly #roomy: Connection[] = [];
  readonly #sockets = new Set<TLSSocket>();
  readonly #opening = new Set<Connection>();
  /** Requests for which no connection has room, oldest first, each with the async context that it was made in. */
  readonly #waiting = new Map<Http2Request, AsyncResource>();
  /** As many as the server has allowed last. */
  expected: number;
  #http1UntilMs = 0;
  #session: Buffer | undefined;
  /**
   * The certificates that the process trusts. Connections that are made at the same time share it, because each one would take 30 kB and a
   * third of a millisecond. Later ones trust what the program has set until then.
   */
  #secureContext: SecureContext | undefined;
  #destroyed = false;

  constructor(origin: string, settings: Http2Settings, owner: PoolOwner) {
    this.origin = origin;
    this.#url = new URL(origin);
    this.#settings = settings;
    this.#owner = owner;
    this.expected = settings.streamsPerConnection;
  }

  /** Whether it was made with these settings. */
  has({ streamsPerConnection, maxConnectionAgeMs }: Http2Settings): boolean {
    const own = this.#settings;
    return own.streamsPerConnection === streamsPerConnection && own.maxConnectionAgeMs === maxConnectionAgeMs;
  }

  /** Sends a request on the connection that has room, or on the next one that has. */
  send(plain: PlainRequest, handler: Dispatcher.DispatchHandler): void {
    if (performance.now() < this.#http1UntilMs) {
      this.#owner.dispatch(plain, handler);
      return;
    }
    const request = new Http2Request(plain, handler, this);
    handler.onRequestStart?.(request, null);
    if (!request.aborted) this.sendAgain(request);
  }

  sendAgain(request: Http2Request): void {
    if (this.#destroyed) {
      request.fail(closedTransport());
      return;
    }
    const connection = this.#withRoom();
    if (connection === undefined) this.#wait(request);
    else connection.send(request);
    this.#openMore(this.#waiting.size + Math.ceil(this.expected * AHEAD));
  }

  sendOverHttp1(request: Http2Request): void {
    this.#http1UntilMs = performance.now() + HTTP1_MS;
    this.#handOver(request);
  }

  withdraw(request: Http2Request): void {
    if (this.#waiting.delete(request)) this.#hold();
  }

  opened(connection: Connection): void {
    this.#opening.delete(connection);
    this.#connections.add(connection);
    // Its successor is there.
    for (const old of this.#connections) if (old !== connection && this.#isOld(old)) old.retire();
    this.changed(connection);
  }

  notOpened(connection: Connection, error: Error): void {
    this.#opening.delete(connection);
    this.#failWaiting(error);
  }

  changed(connection: Connection): void {
    if (connection.room > 0 && !connection.listed) {
      connection.listed = true;
      this.#roomy.push(connection);
    }
    const { allowed = 0 } = connection;
    if (allowed > 0) this.expected = allowed;
    this.#sendWaiting();
  }

  gone(connection: Connection): void {
    this.#connections.delete(connection);
    const at = this.#roomy.indexOf(connection);
    if (at >= 0) this.#roomy.splice(at, 1);
    this.#openMore(this.#waiting.size);
    // One that still has a stream may send its request again.
    if (this.#connections.size === 0 && !this.#isOpening() && connection.isIdle) this.#owner.emptied(this);
  }

  /** Ends everything. Resolves when all sockets are closed. */
  async destroy(): Promise<void> {
    this.#destroyed = true;
    for (const request of this.#waiting.keys()) request.fail(closedTransport());
    this.#waiting.clear();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([...this.#connections, ...this.#opening].map((connection) => connection.destroy()));
  }

  #withRoom(): Connection | undefined {
    for (;;) {
      const connection = this.#roomy.at(-1);
      if (connection === undefined) return undefined;
      if (connection.room > 0) return this.#isOld(connection) ? this.#younger(connection) : connection;
      connection.listed = false;
      this.#roomy.pop();
    }
  }

  /** A connection that may still get requests, in place of one that is too old. Until there is one, the old one goes on. */
  #younger(old: Connection): Connection {
    const young = this.#roomy.find((connection) => connection.room > 0 && !this.#isOld(connection));
    if (young === undefined) {
      if (!this.#isOpening()) this.#open();
      return old;
    }
    for (const connection of this.#connections) if (this.#isOld(connection)) connection.retire();
    return young;
  }

  /** Whether a connection has to be renewed. */
  #isOld({ openedMs, isWorn }: Connection): boolean {
    if (isWorn) return true;
    return performance.now() - openedMs > this.#settings.maxConnectionAgeMs;
  }

  #isOpening(): boolean {
    return this.#sockets.size + this.#opening.size > 0;
  }

  #wait(request: Http2Request): void {
    this.#waiting.set(request, new AsyncResource('SluiceHttp2Request'));
    this.#hold();
  }

  /** A connection that is being made keeps the process alive only if a request waits for it. */
  #hold(): void {
    for (const socket of this.#sockets) {
      if (this.#waiting.size > 0) socket.ref();
      else socket.unref();
    }
  }

  #sendWaiting(): void {
    for (const [request, context] of this.#waiting) {
      const connection = this.#withRoom();
      if (connection === undefined) break;
      this.#waiting.delete(request);
      context.runInAsyncScope(() => connection.send(request));
    }
    this.#hold();
    this.#openMore(this.#waiting.size);
  }

  /** Opens connections until so many streams are free or will be. All at once: none waits for another. */
  #openMore(needed: number): void {
    if (this.#destroyed || needed === 0 || performance.now() < this.#http1UntilMs) return;
    let expected = (this.#sockets.size + this.#opening.size) * this.expected;
    for (let at = this.#roomy.length - 1; at >= 0 && expected < needed; at--) {
      expected += this.#roomy[at]?.room ?? 0;
    }
    // A server that allows no streams would not allow them on another connection either.
    if (expected >= needed || this.#isBlocked()) return;
    for (; expected < needed; expected += this.expected) this.#open();
  }

  #isBlocked(): boolean {
    for (const connection of this.#connections) if (connection.blocked) return true;
    return false;
  }

  #open(): void {
    this.#secureContext ??= createSecureContext();
    const shared = { secureContext: this.#secureContext, session: this.#session };
    const socket = connectTls(this.#url, shared, {
      connected: (connected) => this.#connected(connected),
      failed: (failed, error) => {
        this.#isMade(failed);
        this.#failWaiting(error);
      },
    });
    socket.on('session', (session: Buffer) => (this.#session = session));
    this.#sockets.add(socket);
    if (this.#waiting.size === 0) socket.unref();
  }

  /** A connection was made, or could not be. */
  #isMade(socket: TLSSocket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size === 0) this.#secureContext = undefined;
  }

  #connected(socket: TLSSocket): void {
    this.#isMade(socket);
    if (socket.alpnProtocol === 'h2') {
      const { streamsPerConnection } = this.#settings;
      this.#opening.add(new Connection(socket, this.origin, streamsPerConnection, this));
      return;
    }
    if (this.#connections.size === 0) this.#http1UntilMs = performance.now() + HTTP1_MS;
    this.#owner.adopt(socket, () => {
      for (const [request, context] of this.#waiting) {
        this.#waiting.delete(request);
        context.runInAsyncScope(() => this.#handOver(request));
      }
    });
  }

  #handOver(request: Http2Request): void {
    request.release();
    this.#owner.dispatch(request.plain, request.handler);
  }

  /** A connection could not be made. Those for whom no other is being made get its error. */
  #failWaiting(error: Error): void {
    const served = (this.#sockets.size + this.#opening.size) * this.expected;
    for (const request of this.#waiting.keys()) {
      if (this.#waiting.size <= served) break;
      this.#waiting.delete(request);
      request.fail(error);
    }
    this.#hold();
  }
}

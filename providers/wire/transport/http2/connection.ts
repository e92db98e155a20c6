import { connect, type ClientHttp2Session, type Settings } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { Timer } from '../../../../src/kit/index.ts';
import { MAX_RESPONSE_HEADERS_BYTES } from '../http1-options.ts';
import { closedTransport, Http2Error, silentConnection } from './errors.ts';
import type { Carrier, Http2Request } from './request.ts';

/** If nothing comes for so long while streams are open, the socket is looked at. */
const QUIET_MS = 1_000;

/** If nothing comes for so long while streams are open, the server is asked with a ping. */
const SILENCE_MS = 5_000;

/** How long the answer to a ping may take. */
const PING_MS = 10_000;

/** How long a connection without streams is kept. */
const IDLE_MS = 60_000;

/** How long the other side may take to close its half of a connection that has ended. */
const CLOSING_MS = 1_000;

/**
 * How many streams of one connection are reset before it is renewed. Servers close a connection, with all its streams, that resets too many:
 * Envoy after half of 500, Node after 1,000 at once.
 */
const MAX_RESETS = 100;

/** How much of one response may wait for its reader in Node and below, in bytes. */
const STREAM_WINDOW_BYTES = 256 * 1024;

/** How much may be on its way on one connection. Node takes it off at once, so a slow reader holds back no other. */
const CONNECTION_WINDOW_BYTES = 1024 * 1024;

/**
 * The longest headers of a response that Node takes, in bytes. Above, it resets the stream, as if the server had. So this is more than what is
 * taken of it.
 */
const MAX_HEADERS_BYTES = 2 * MAX_RESPONSE_HEADERS_BYTES;

/** How many headers a response may have. Node's default is 128. */
const MAX_HEADERS = 2_000;

/** The pool of a connection. */
export interface ConnectionOwner {
  /** How many streams a connection is expected to take whose server has not said it yet. */
  readonly expected: number;
  opened(connection: Connection): void;
  /** It never opened. */
  notOpened(connection: Connection, error: Error): void;
  /** It may have room for another stream. */
  changed(connection: Connection): void;
  /** It is closed. */
  gone(connection: Connection): void;
}

/** One HTTP/2 connection: its streams, its liveness and its end. */
export class Connection implements Carrier {
  readonly openedMs = performance.now();
  /** Whether the pool lists it among those with room. */
  listed = false;
  readonly #socket: TLSSocket;
  readonly #session: ClientHttp2Session;
  readonly #owner: ConnectionOwner;
  /** How many streams the server allows, at most those of the options. Undefined until its settings have come. */
  #allowed: number | undefined;
  /** How many streams it takes at once. Fewer than are allowed if the server has refused one. */
  #limit: number;
  /** Whether the server has allowed no stream at all so far. */
  #blocked = false;
  #streams = 0;
  #resets = 0;
  #retired = false;
  #lastStreamId: number | undefined;
  #idleSinceMs = performance.now();
  #bytesRead = 0;
  /** Since when nothing has come, while streams are open. */
  #silentSinceMs = 0;
  #pinged = false;
  #closing = false;
  readonly #timer = new Timer(() => this.#onTime(), { keepAlive: false });

  constructor(socket: TLSSocket, origin: string, most: number, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#limit = most;
    const session = connect(origin, {
      createConnection: () => socket,
      maxHeaderListPairs: MAX_HEADERS,
      settings: {
        enablePush: false,
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxHeaderListSize: MAX_HEADERS_BYTES,
      },
    });
    this.#session = session;
    let opened = false;
    let failure: Error | undefined;
    session.on('error', (error: Error) => (failure = error));
    session.once('connect', () => {
      opened = true;
      session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
      this.#becomeIdle();
      owner.opened(this);
    });
    session.on('remoteSettings', ({ maxConcurrentStreams }: Settings) => {
      const isFirst = this.#allowed === undefined;
      this.#limit = Math.min(most, maxConcurrentStreams ?? most);
      this.#allowed = this.#limit;
      this.#blocked = this.#allowed === 0 && (this.#blocked || isFirst);
      if (opened) owner.changed(this);
    });
    session.on('goaway', (_code: number, lastStreamId: number) => {
      this.#lastStreamId = lastStreamId;
      this.retire();
    });
    session.once('close', () => {
      this.#retired = true;
      this.#timer.stop();
      if (opened) owner.gone(this);
      else owner.notOpened(this, failure ?? new Http2Error('ECONNRESET', 'The connection was closed.'));
    });
  }

  /** How many more streams it takes. */
  get room(): number {
    const { closed, destroyed } = this.#session;
    if (this.#retired || closed || destroyed) return 0;
    const limit = this.#allowed === undefined ? Math.min(this.#limit, this.#owner.expected) : this.#limit;
    return Math.max(0, limit - this.#streams);
  }

  /** Whether it has no stream. */
  get isIdle(): boolean {
    return this.#streams === 0;
  }

  /** How many streams the server allows, at most those of the options. Undefined until its settings have come. */
  get allowed(): number | undefined {
    return this.#allowed;
  }

  /** Whether so many of its streams were reset that the server may soon close it. */
  get isWorn(): boolean {
    return this.#resets >= MAX_RESETS;
  }

  /** Whether the server has allowed no stream at all so far. */
  get blocked(): boolean {
    return this.#blocked && !this.#retired;
  }

  send(request: Http2Request): void {
    this.#streams += 1;
    if (this.#streams === 1) this.#becomeBusy();
    try {
      request.start(this.#session, this);
    } catch (error) {
      this.closed('over');
      request.notSent(error);
    }
  }

  /** Takes no more requests, and closes after the last one. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    if (this.#streams === 0) this.#close();
  }

  wasIgnored(streamId: number | undefined): boolean {
    return this.#lastStreamId !== undefined && streamId !== undefined && streamId > this.#lastStreamId;
  }

  closed(how: 'refused' | 'reset' | 'over'): void {
    this.#streams -= 1;
    if (how === 'reset') this.#resets += 1;
    // It takes no more at once than the server has accepted.
    if (how === 'refused') this.#limit = Math.max(1, Math.min(this.#limit, this.#streams));
    if (this.#streams === 0) {
      if (this.#retired) this.#close();
      else this.#becomeIdle();
    }
    this.#owner.changed(this);
  }

  /** Ends all its streams. Resolves when the socket is closed. */
  async destroy(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.#socket.closed) resolve();
      else this.#socket.once('close', () => resolve());
    });
    this.#end(closedTransport());
    await closed;
  }

  #end(error: Error): void {
    this.#retired = true;
    this.#timer.stop();
    this.#session.destroy(error);
    this.#socket.destroy();
  }

  /** A connection without streams. The other side may be gone, so it is not waited for without bound. */
  #close(): void {
    this.#retired = true;
    this.#closing = true;
    this.#session.destroy();
    if (!this.#socket.closed) this.#timer.start(CLOSING_MS);
  }

  #becomeIdle(): void {
    this.#idleSinceMs = performance.now();
    // It does not keep the process alive.
    this.#session.unref();
    this.#timer.start(IDLE_MS);
  }

  #becomeBusy(): void {
    this.#session.ref();
    this.#listen();
    // A connection that was silent for long may be dead.
    if (performance.now() - this.#idleSinceMs > SILENCE_MS) this.#ping();
  }

  #onTime(): void {
    if (this.#closing) this.#socket.destroy();
    else if (this.#streams === 0) this.retire();
    else if (!this.#wasSilent()) this.#listen();
    // The answer may wait in the socket, if this process was busy.
    else if (this.#pinged) setImmediate(() => this.#giveUp());
    else if (performance.now() - this.#silentSinceMs < SILENCE_MS) this.#look();
    else this.#ping();
  }

  #wasSilent(): boolean {
    return this.#socket.bytesRead === this.#bytesRead;
  }

  #listen(): void {
    this.#pinged = false;
    this.#bytesRead = this.#socket.bytesRead;
    this.#silentSinceMs = performance.now();
    this.#timer.start(QUIET_MS);
  }

  /**
   * Sees whether the other side has closed the connection. Node does not always: it reads nothing while it writes, and if a write has failed
   * at once, the next one is under way for good.
   */
  #look(): void {
    readAgain(this.#socket);
    this.#timer.start(QUIET_MS);
  }

  #ping(): void {
    // Node sends no ping on a connection that the server wants to close.
    if (this.#session.closed) {
      this.#listen();
      return;
    }
    this.#pinged = true;
    this.#session.ping(ignore);
    this.#timer.start(PING_MS);
  }

  #giveUp(): void {
    if (this.#streams === 0 || !this.#pinged || this.#session.destroyed) return;
    if (this.#wasSilent()) this.#end(silentConnection());
    else this.#listen();
  }
}

/** Makes Node read from a socket again. There is no public way: the socket does not know that its session has stopped reading. */
function readAgain(socket: TLSSocket): void {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return;
  const start: unknown = Reflect.get(handle, 'readStart');
  if (typeof start === 'function') start.call(handle);
}

function ignore(): void {
  return undefined;
}

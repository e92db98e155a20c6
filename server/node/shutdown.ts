import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocketServer } from 'ws';
import { delay } from '../../src/kit/index.ts';
import { errorFields } from '../http/log-error.ts';
import type { Service } from '../http/service.ts';

/** How long connections have to close after the last turn, before they are cut off, in milliseconds. Those that still send have until the deadline. */
const LAST_WORDS_MS = 1_000;

/** How often connections that have become idle are closed while turns come to their end, in milliseconds. */
const SWEEP_MS = 20;

/** The code with which sockets are closed when a server stops. */
const GOING_AWAY = 1001;

interface ShutdownSettings {
  signals: boolean;
  drainDelayMs: number;
  shutdownTimeoutMs: number;
  sockets: WebSocketServer | undefined;
}

/**
 * The end of a server: readiness says so while requests are still taken; then idle connections close and no new ones are taken; turns end at the deadline, with an error that says
 * so; what is left is cut off. Closing a second time ends at once. If turns cannot be ended as they should, the connections close all the same, the log says so, and both promises
 * reject.
 */
export function shutDown(
  server: Server,
  service: Service,
  { signals, drainDelayMs, shutdownTimeoutMs, sockets }: ShutdownSettings,
): { close: () => Promise<void>; closed: Promise<void> } {
  const hasNoConnection = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const { promise: closed, resolve: isClosed, reject: isNotClosed } = Promise.withResolvers<void>();
  // Nobody has to wait for it: the log says what failed.
  closed.catch(() => undefined);
  const atOnce = new AbortController();
  let ending: Promise<void> | undefined;
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });

  // A balancer keeps connections and would send the next request over them.
  const lastOfConnection = (_request: IncomingMessage, response: ServerResponse): void =>
    void response.setHeader('connection', 'close');

  const closeIdle = (): void => sparing(open, () => server.closeIdleConnections());
  const end = async (): Promise<void> => {
    service.isDraining = true;
    server.prependListener('request', lastOfConnection);
    // A second close ends the wait.
    await delay(drainDelayMs, atOnce.signal).catch(() => undefined);
    sparing(open, () => server.close());
    closeIdle();
    // Streams that began before the drain leave connections that nothing is to come over.
    const sweep = setInterval(closeIdle, SWEEP_MS);
    const timeoutMs = atOnce.signal.aborted ? 0 : shutdownTimeoutMs;
    const deadline = performance.now() + timeoutMs;
    try {
      await service.turns.drained(timeoutMs);
    } finally {
      await hangUp(deadline);
      clearInterval(sweep);
    }
  };
  const hangUp = async (deadline: number): Promise<void> => {
    for (const socket of sockets?.clients ?? []) socket.close(GOING_AWAY, 'The server is shutting down.');
    closeIdle();
    const cuts = [
      setTimeout(cutQuiet, LAST_WORDS_MS),
      setTimeout(cutOff, Math.max(LAST_WORDS_MS, deadline - performance.now())),
    ];
    await hasNoConnection;
    for (const cut of cuts) clearTimeout(cut);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  const ended = async (): Promise<void> => {
    try {
      await end();
      isClosed();
    } catch (error) {
      const fields = errorFields(error, service.settings.logContent);
      service.log.error('the server has not ended as it should', fields);
      isNotClosed(error);
      throw error;
    }
  };
  // Whoever still takes an answer that is complete may do so until the deadline.
  const cutQuiet = (): void => {
    for (const socket of sockets?.clients ?? []) socket.terminate();
    for (const socket of open) if (socket.writableLength === 0) socket.destroy();
  };
  const cutOff = (): void => {
    cutQuiet();
    server.closeAllConnections();
  };
  const close = (): Promise<void> => {
    if (ending === undefined) ending = ended();
    else {
      atOnce.abort();
      service.turns.end();
      cutOff();
    }
    return ending;
  };
  // What fails is in the log.
  const onSignal = (): void => void close().catch(() => undefined);
  if (signals) for (const signal of SIGNALS) process.on(signal, onSignal);
  return { close, closed };
}

/**
 * Closes idle connections, but none whose reader has not taken all of its answer yet. Node counts a connection as idle when its answer is complete, not when it was sent, and what was
 * not sent would be lost.
 */
function sparing(open: ReadonlySet<Socket>, closeIdle: () => void): void {
  const sending = [...open].filter((socket) => socket.writableLength > 0);
  for (const socket of sending) socket.destroy = () => socket;
  closeIdle();
  for (const socket of sending) Reflect.deleteProperty(socket, 'destroy');
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

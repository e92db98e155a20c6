import { sseText } from './sse-text.ts';
import type { Sink } from './send-stream.ts';

/** What is used of the response of `node:http` and `node:http2`, of Express, and of the `raw` reply of Fastify. */
export interface NodeResponse {
  readonly statusCode: number;
  readonly writableEnded: boolean;
  readonly destroyed: boolean;
  writeHead(status: number, headers: Record<string, string>): unknown;
  write(text: string): boolean;
  end(text?: string): unknown;
  destroy(): unknown;
  on(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

/** A sink that writes to a response of Node. Each event is one write. */
export function nodeSink(response: NodeResponse, heartbeat: string): Sink {
  const isOpen = (): boolean => !response.writableEnded && !response.destroyed;
  const write = (text: string): boolean => !isOpen() || response.write(text);
  return {
    event: (frame, id) => write(sseText(frame, id)),
    heartbeat: () => void write(heartbeat),
    drained: () => drained(response),
    end() {
      if (isOpen()) response.end();
    },
    cut: () => void response.destroy(),
  };
}

function drained(response: NodeResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
    if (response.destroyed) done();
  });
}

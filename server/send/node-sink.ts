import type { Frame } from '../formats/format.ts';
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
export class NodeSink implements Sink {
  readonly #response: NodeResponse;
  readonly #heartbeat: string;

  constructor(response: NodeResponse, heartbeat: string) {
    this.#response = response;
    this.#heartbeat = heartbeat;
  }

  event(frame: Frame, id: string | undefined): boolean {
    return this.#write(sseText(frame, id));
  }

  heartbeat(): void {
    this.#write(this.#heartbeat);
  }

  drained(): Promise<void> {
    return drained(this.#response);
  }

  end(): void {
    if (this.#isOpen) this.#response.end();
  }

  cut(): void {
    this.#response.destroy();
  }

  get #isOpen(): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed;
  }

  #write(text: string): boolean {
    return !this.#isOpen || this.#response.write(text);
  }
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

import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { pieceOf } from './model.ts';
import type { Wish } from './model.ts';

/** How a client of the soak reads. */
export interface Reader {
  wish: Wish;
  /** It leaves after so many pieces. Undefined: it reads to the end. */
  leavesAfter: number | undefined;
  /** How long it waits after each read, in milliseconds. */
  pauseMs: number;
}

/** Reads one stream. Resolves to `completed`, `left`, or what was wrong. Each stream has a connection of its own. */
export async function readStream(url: string, { wish, leavesAfter, pauseMs }: Reader): Promise<string> {
  const response = await answerTo(`${url}/api/v1/agent/stream?format=sluice`, {
    input: JSON.stringify(wish),
  });
  let pieces = 0;
  let wrong: string | undefined;
  let outcome: unknown;
  const parser = createParser({
    onEvent({ data }) {
      const item: unknown = JSON.parse(data);
      const type: unknown = Reflect.get(Object(item), 'type');
      if (type === 'end') outcome = Reflect.get(Object(item), 'outcome');
      if (type !== 'content') return;
      if (Reflect.get(Object(item), 'content') !== pieceOf(pieces, wish)) wrong ??= `other text at ${pieces}`;
      pieces += 1;
    },
  });
  const decoder = new TextDecoder();
  try {
    for await (const bytes of response) {
      parser.feed(decoder.decode(bytes, { stream: true }));
      if (leavesAfter !== undefined && pieces >= leavesAfter) {
        response.destroy();
        return wrong ?? 'left';
      }
      if (pauseMs > 0) await delay(pauseMs);
    }
  } catch (error) {
    return `broken after ${pieces} of ${wish.pieces}: ${String(error)}`;
  }
  if (wrong !== undefined) return wrong;
  if (outcome === 'completed' && pieces === wish.pieces) return 'completed';
  return `ended with ${String(outcome)} after ${pieces} of ${wish.pieces}`;
}

function answerTo(url: string, body: object): Promise<IncomingMessage> {
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream' };
  return new Promise((resolve, reject) => {
    request(url, { method: 'POST', agent: false, headers }, (response) => {
      if (response.statusCode === 200) resolve(response);
      else {
        response.resume();
        reject(new Error(`status ${response.statusCode}`));
      }
    })
      .once('error', reject)
      .end(JSON.stringify(body));
  });
}

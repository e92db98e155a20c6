import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { providerFetch } from '../../../../../providers/wire/index.ts';
import { rawBodyOf, readyOf } from '../../../../../providers/wire/transport/raw-body.ts';
import { transports } from '../support.ts';
import { tlsServer, trustServers, type Arrived } from './support.ts';

const { transport, closeAll } = transports(providerFetch);
afterEach(closeAll);
let trusted: Disposable | undefined;
beforeAll(() => {
  trusted = trustServers();
});
afterAll(() => trusted?.[Symbol.dispose]());

const BODY_BYTES = 10_000_000;
const PART = Buffer.alloc(50_000, 'x');

/** Answers with 10 MB, as fast as they are read. */
function answer({ stream }: Arrived): void {
  stream.respond({ ':status': 200 });
  let left = BODY_BYTES / PART.length;
  function write(): void {
    while (left-- > 0) {
      if (stream.write(PART)) continue;
      stream.once('drain', write);
      return;
    }
    stream.end();
  }
  write();
}

/** The bytes that are in use after a collection. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

it('100 MB of answers on one connection are whole, and take a few MB of memory', async () => {
  await using server = await tlsServer(answer);
  const fetch = transport({});
  const samples: number[] = [];
  let bytes = 0;
  let wrong = 0;

  async function read(): Promise<void> {
    const body = rawBodyOf(await fetch(server.url));
    for (;;) {
      const parts = body.take();
      if (parts === undefined) return;
      for (const part of parts) {
        if (part[0] !== 0x78 || part.at(-1) !== 0x78) wrong += 1;
        bytes += part.length;
        if (bytes > samples.length * 5_000_000) samples.push(usedBytes());
      }
      if (parts.length === 0) await readyOf(body);
    }
  }

  await read();
  const [first = 0] = samples;
  for (let wave = 0; wave < 3; wave++) await Promise.all([read(), read(), read()]);
  expect([bytes, wrong]).toEqual([10 * BODY_BYTES, 0]);
  expect(server.sessions).toHaveLength(1);
  expect(samples).toHaveLength(20);
  expect(Math.max(...samples) - first).toBeLessThan(25_000_000);
});

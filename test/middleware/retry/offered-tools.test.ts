import { Pipeline, SluiceError } from 'sluice';
import type { Middleware, StreamChunk } from 'sluice';
import { constant } from 'sluice/kit';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import { describe, expect, test } from 'vitest';
import { model, texts } from '../models.ts';

const again = retry({ backoff: constant(0), afterContent: 'continue' });
const tools = [{ name: 'look', parameters: { type: 'object' } }];
const offers: Middleware = function offers(_context, next) {
  return next({ tools });
};
const barred: Middleware = function barred(_context, next) {
  return next({ tools, parameters: { toolChoice: 'none' } });
};

/** What comes of a reply that breaks off after these chunks. */
async function ended(layers: Middleware[], chunks: StreamChunk[], rest: string): Promise<string> {
  const error = new SluiceError('network', 'The connection was cut.');
  const made = model({ chunks, error }, { chunks: texts(rest) });
  const stream = new Pipeline([...layers, provider(made)]).executeStream('user', 'Tell me');
  try {
    return await stream.text();
  } catch {
    return `${stream.partial?.content ?? ''}: failed`;
  }
}

describe('afterContent: continue, with tools', () => {
  test.each<[string, Middleware, string]>([
    ['does not go on if they were offered', offers, 'Once: failed'],
    ['goes on if none of them could be called', barred, 'Once upon'],
  ])('%s, above or below the retry', async (_name, layer, text) => {
    for (const layers of [
      [again, layer],
      [layer, again],
    ])
      expect(await ended(layers, texts('Once'), ' upon')).toBe(text);
  });

  test('makes an attempt again that only thought', async () => {
    expect(await ended([again, offers], [{ type: 'thinking', content: 'hm' }], 'Fine.')).toBe('Fine.');
  });
});

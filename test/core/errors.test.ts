import { inspect } from 'node:util';

import { Pipeline, SluiceError, isSluiceError } from 'sluice';
import { constant, errorCodes } from 'sluice/kit';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';

describe('what a client gets of an error', () => {
  test.each(errorCodes)('S1 S17 is the code %s and a sentence of ours, whatever is on the error', (code) => {
    const said = 'canary words';
    const error = new SluiceError(code, said, {
      cause: new Error(said),
      provider: said,
      middleware: said,
      requestId: said,
      status: 418,
      partial: { content: said, thinking: said, toolCalls: [], parts: [] },
    });
    expect(error.toJSON()).toEqual({ code, message: expect.stringMatching(/^[A-Z][^"]+\.$/), status: 418 });
    expect(JSON.stringify({ error })).not.toContain('canary');
  });

  test('has the request id, and no status if there is none', () => {
    const json = new SluiceError('store', 'x', { requestId: 'req_1' }).toJSON();
    expect(json).toEqual({ code: 'store', message: 'A store of the service failed.', requestId: 'req_1' });
  });
});

describe('the partial answer on an error', () => {
  /** What prints or logs an error sees. */
  function seen(error: unknown): string {
    if (!isSluiceError(error)) throw error;
    const fields: unknown[] = [];
    for (const key in error) fields.push(Reflect.get(error, key));
    return [
      inspect(error, { depth: 20 }),
      inspect(Object.assign({}, error)),
      inspect(structuredClone(error)),
      JSON.stringify(fields),
    ].join();
  }

  async function failureOf(run: Promise<unknown>): Promise<SluiceError> {
    const error: unknown = await run.then(undefined, (one: unknown) => one);
    if (!isSluiceError(error)) throw new Error('It did not fail with an error of ours.');
    return error;
  }

  const cut = (): SluiceError => new SluiceError('server', 'It broke.');

  test('is there, but is not printed, logged or copied with it', async () => {
    const model = scripted({ text: 'canary answer', error: cut() });
    const error = await failureOf(new Pipeline([provider(model)]).execute('user', 'Hi'));
    expect(error.partial?.content).toBe('canary answer');
    expect(seen(error)).not.toContain('canary');
    expect(Object.keys(error)).not.toContain('partial');
  });

  test('the same after retries, and if executions share an error or it is frozen', async () => {
    for (const shared of [cut(), Object.freeze(cut())]) {
      const model = (text: string) =>
        scripted([
          { text, error: shared },
          { text, error: shared },
        ]);
      const again = retry({ maxRetries: 1, backoff: constant(0), afterContent: 'reset' });
      const run = (text: string) =>
        failureOf(new Pipeline([again, provider(model(text))]).execute('user', 'Hi'));
      const errors = [await run('canary one'), await run('canary two')];
      expect(errors.map(({ partial }) => partial?.content)).toEqual(['canary one', 'canary two']);
      for (const error of errors) expect(seen(error)).not.toContain('canary');
    }
  });

  test('given to the constructor is not enumerable either', () => {
    const partial = { content: 'canary', thinking: '', toolCalls: [], parts: [] };
    const error = new SluiceError('server', 'It broke.', { partial });
    expect(error.partial).toBe(partial);
    expect(seen(error)).not.toContain('canary');
  });
});

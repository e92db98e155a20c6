/**
 * A plugin and its tests in one file. Run it with `node examples/testing-a-plugin.ts`. It needs no key and no network besides this
 * machine. The tests use Node's own runner; with vitest or Jest only the first imports differ.
 */
/* eslint-disable @typescript-eslint/no-floating-promises -- node:test waits for its tests itself */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Pipeline, SluiceError } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer, manualGate, middlewareContract, scripted } from 'sluice/testing';

// ---- The plugin ----

interface WordLimitOptions {
  /** Maximum number of words in an answer; after that the execution is interrupted. */
  words: number;
}

/** Stops an answer that gets too long. */
function wordLimit({ words }: WordLimitOptions): Middleware {
  return function wordLimit(context, next) {
    let seen = 0;
    return next().tap((chunk) => {
      if (chunk.type !== 'content') return;
      seen += chunk.content.match(/\S+/g)?.length ?? 0;
      if (seen >= words) context.interrupt(`more than ${words} words`);
    });
  };
}

// ---- Its tests ----

describe('wordLimit', () => {
  test('stops the answer after the last allowed word', async () => {
    const model = scripted('One two three four five');
    const pipeline = new Pipeline([wordLimit({ words: 3 }), provider(model)]);
    const { outcome, reason, response } = await pipeline.execute('user', 'Count');
    assert.deepEqual([outcome, reason], ['interrupted', 'more than 3 words']);
    assert.equal(response.content, 'One two three ');
  });

  test('frees the model at once, even if it has more to say', async () => {
    const pace = manualGate();
    const model = scripted({ text: 'One two three', gate: pace.gate });
    const pipeline = new Pipeline([wordLimit({ words: 1 }), provider(model)]);
    const running = pipeline.execute('user', 'Count');
    pace.release(); // one chunk, and no more
    assert.equal((await running).response.content, 'One ');
    assert.deepEqual(
      model.calls.map(({ state, chunks }) => [state, chunks]),
      [['closed', 1]],
    );
  });

  test('does not change errors', async () => {
    const model = scripted({ text: 'One ', error: new SluiceError('overloaded', 'Busy.') });
    const pipeline = new Pipeline([wordLimit({ words: 3 }), provider(model)]);
    await assert.rejects(pipeline.execute('user', 'Count'), { code: 'overloaded' });
  });

  test('closes a real connection', async () => {
    await using server = await faultServer();
    server.enqueue({
      stream: chatStream({ text: 'One two three four' }),
      split: 'event',
      fault: { kind: 'stall', at: { event: 3 } },
    });
    const model = openai({ model: 'gpt-5-mini', apiKey: 'test', baseURL: server.openaiBaseURL });
    await using pipeline = new Pipeline([wordLimit({ words: 2 }), provider(model)], { own: true });
    assert.equal((await pipeline.execute('user', 'Count')).response.content, 'One two ');
    assert.equal(await server.requests[0]?.closed, 'client-left');
    server.assertDrained();
  });
});

// The contract of every middleware. The limit is never reached here, so nothing may change.
middlewareContract({ name: 'wordLimit', make: () => wordLimit({ words: 100_000 }), describe, test });

import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import { provider } from 'sluice/middleware';
import { mockTool, tools } from 'sluice/middleware/tools';
import type { MockTool } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { MortalStore } from './mortal-store.ts';
import { calling } from './stage.ts';

const KEY = { owner: 'o', id: 's' };
const input = z.object({ city: z.string() });

/** The store of a turn that was cut: the call of `begun` has begun, the one of `queued` still waits for its place. Both have no result. */
async function cutTurn(): Promise<MemoryStore> {
  const store = new MemoryStore();
  const gone = new SluiceError('store', 'Gone.', { retryable: false });
  const fuse = {
    burns: (call: string) => call === 'record result 0_0, started 0_1',
    when: 'before',
  } as const;
  const list = [mockTool('begun', { idempotent: true }), mockTool('queued', { input })];
  const model = scripted(calling(['begun', {}], ['queued', { city: 'Rome' }]));
  const pipeline = new Pipeline([tools(list, { maxParallel: 1 }), provider(model)], {
    store: new MortalStore(store, gone, fuse),
  });
  await expect(send(pipeline)).rejects.toMatchObject({ code: 'store' });
  return store;
}

const send = (pipeline: Pipeline) => pipeline.executeWithContext(KEY, 'user', 'Go on.', { turnId: 't' });

describe('a turn that goes on without a tool that it has called', () => {
  const others: [what: string, name: string, says: string, list: () => MockTool[]][] = [
    [
      'the tool of a call that had begun is gone',
      'begun',
      'There is no tool "begun"',
      () => [mockTool('queued')],
    ],
    [
      'the tool of a call that was queued is gone',
      'queued',
      'There is no tool "queued"',
      () => [mockTool('begun', { idempotent: true })],
    ],
    [
      'the tool takes other arguments',
      'queued',
      'The arguments are wrong',
      () => [
        mockTool('begun', { idempotent: true }),
        mockTool('queued', { input: z.object({ country: z.string() }) }),
      ],
    ],
    [
      'the tool of a queued call has another schema, which takes the same arguments',
      'queued',
      'Its schema or its version is another one',
      () => [
        mockTool('begun', { idempotent: true }),
        mockTool('queued', { input: z.object({ city: z.string(), country: z.string().default('Italy') }) }),
      ],
    ],
    [
      'the tool of a call that had begun has another version',
      'begun',
      'Its schema or its version is another one',
      () => [mockTool('begun', { idempotent: true, version: '2' }), mockTool('queued', { input })],
    ],
  ];

  test.each(others)(
    '%s: an error that names it, before anything runs or is asked',
    async (_what, name, says, list) => {
      const store = await cutTurn();
      const before = await store.steps(KEY, 't');
      const others = list();
      const model = scripted('Done.');
      const pipeline = new Pipeline([tools(others), provider(model)], { store });
      await expect(send(pipeline)).rejects.toMatchObject({
        code: 'tool',
        retryable: false,
        message: expect.stringMatching(new RegExp(`The tool ${name} is gone or has changed.*${says}`)),
      });
      expect(others.flatMap(({ calls }) => calls)).toEqual([]);
      expect(model.requests).toEqual([]);
      expect(await store.steps(KEY, 't')).toEqual(before);

      // With the tools as they were it goes on.
      const again = [mockTool('begun', { idempotent: true }), mockTool('queued', { input })];
      const last = scripted('Done.');
      const { response } = await send(new Pipeline([tools(again), provider(last)], { store }));
      expect(response.content).toBe('Done.');
      expect(again.map(({ calls }) => calls.length)).toEqual([1, 1]);
    },
  );
});

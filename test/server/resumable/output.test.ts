import { Stream, compose } from 'sluice';
import type { ExecutionChunk, ExecutionResult, OutputSupport } from 'sluice';
import { provider } from 'sluice/middleware';
import { output } from 'sluice/middleware/output';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { Model, texts } from '../../core/harness.ts';
import { linesOf } from '../../session/stage.ts';
import { GRACE_MS, LEASE_MS, Stage, reading, streamIn, tick, virtualTime } from './stage.ts';
import type { Reading } from './stage.ts';

const session = { owner: 'ada', id: 's' };
const key = { owner: 'ada', id: 't' };
const gpt: OutputSupport = { dialect: 'openai', native: 'with-tools', tools: 'forced' };
const order = z.object({
  on: z.iso.date().transform((day) => new Date(day)),
  items: z.array(z.string()),
  note: z.string().default('none'),
});
const TEXT = ['{"on": "2026-', '11-30", "items": ["tea",', ' "cup"], "note": null}'];
const WRITTEN = '{"on":"2026-11-30","items":["tea","cup"]}';

/** What a reader elsewhere has of a turn: its chunks, as a stream of its own. */
function streamOf({ items }: Reading): Stream<ExecutionChunk, ExecutionResult | undefined> {
  return Stream.from<ExecutionChunk, ExecutionResult>(
    items.flatMap((item) => (item.type === 'chunk' ? [item.chunk] : [])),
  );
}

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of stream) values.push(value);
  return values;
}

virtualTime();

describe('a turn with an output', () => {
  test.each([
    ['of zod', order],
    ['of JSON Schema', { jsonSchema: z.toJSONSchema(order, { io: 'input' }) }],
  ])('%s is asked for, checked, and read as JSON by whoever reads it', async (_of, schema) => {
    const model = scripted([{ text: TEXT, batchSize: 1 }], { output: gpt });
    const stage = new Stage();
    const { runs } = stage.process(compose(output(), provider(model)));
    const first = reading(runs.stream(session, 'hi', { turnId: 't', output: schema }));
    await tick();
    expect(first.end).toMatchObject({ outcome: 'completed' });
    expect(first.text).toBe(WRITTEN);
    expect(model.requests[0]?.responseFormat).toMatchObject({
      strict: true,
      schema: { required: ['on', 'items', 'note'] },
    });
    const late = reading(await streamIn(runs.read(key)));
    await tick();
    const parts = await all(streamOf(late).partialOutput());
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.at(-1)).toEqual({ on: '2026-11-30', items: ['tea', 'cup'] });
    // The reader has the code of the schema.
    expect(order.parse(JSON.parse(late.text))).toEqual({
      ...{ on: new Date('2026-11-30'), items: ['tea', 'cup'], note: 'none' },
    });
    expect(await linesOf(stage.store, session)).toEqual(['user: hi', `assistant: ${WRITTEN}`]);
  });

  test('is checked in the process that takes it over, too', async () => {
    const stage = new Stage();
    const one = stage.process(compose(output(), new Model().give(texts('{"on": ')).middleware));
    const model = scripted(['{"on":"2026-11-30","items":[7],"note":null}', TEXT.join('')], { output: gpt });
    const two = stage.process(compose(output({ repair: 1 }), provider(model)));
    void reading(one.runs.stream(session, 'hi', { turnId: 't', output: order }));
    await tick();
    const reader = reading(await streamIn(two.runs.read(key)));
    await tick();
    one.log.halt();
    await tick(LEASE_MS + GRACE_MS + 5);
    await tick(20);
    expect(reader.end).toMatchObject({ outcome: 'completed' });
    expect(reader.text).toBe(WRITTEN);
    expect(model.requests).toHaveLength(2);
    expect((await all(streamOf(reader).partialOutput())).at(-1)).toEqual(JSON.parse(WRITTEN));
    one.log.goOn();
    await tick();
  });

  test.each([
    ['does not match', { text: '{"on":"2026-11-30","items":[7],"note":null}' }],
    ['is cut short', { text: '{"on":"2026-', finishReason: 'length' as const }],
  ])('fails if the answer %s', async (_what, answer) => {
    const { runs } = new Stage().process(compose(output(), provider(scripted([answer], { output: gpt }))));
    const got = reading(runs.stream(session, 'hi', { turnId: 't', output: order }));
    await tick();
    expect(got.end).toMatchObject({ outcome: 'failed', error: { code: 'output' } });
  });

  test('is a conflict under an id that has asked for another one', async () => {
    const model = scripted([TEXT.join('')], { output: gpt });
    const { runs } = new Stage().process(compose(output(), provider(model)));
    await reading(runs.stream(session, 'hi', { turnId: 't', output: order })).done;
    await tick();
    const other = reading(runs.stream(session, 'hi', { turnId: 't', output: z.object({}) }));
    await other.done;
    expect(other.error).toMatchObject({ code: 'conflict' });
  });

  test('is refused if the schema cannot be sent, and fails if no layer sees to it', async () => {
    const { runs } = new Stage().process(provider(scripted(['{}'], { output: gpt })));
    expect(() => runs.stream(session, 'hi', { output: z.object({ at: z.date() }) })).toThrow(
      expect.objectContaining({
        code: 'invalid_options',
        message: expect.stringContaining('cannot be kept in a log: Date cannot be'),
      }),
    );
    for (const wrong of [1, {}, { jsonSchema: 'x' }])
      expect(() => Reflect.apply(runs.stream, runs, [session, 'hi', { output: wrong }])).toThrow(
        expect.objectContaining({
          code: 'invalid_options',
          message: expect.stringContaining('give a schema'),
        }),
      );
    const got = reading(runs.stream(session, 'hi', { output: order }));
    await tick();
    expect(got.end).toMatchObject({ outcome: 'failed', error: { code: 'invalid_options' } });
  });
});

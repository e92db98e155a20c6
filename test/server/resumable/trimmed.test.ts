import { expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import { memoryLog } from '../../../server/log/memory-log.ts';
import { partialReply } from '../../../server/resumable/partial-reply.ts';
import { callsIn } from '../../../server/resumable/void-calls.ts';
import { resumable } from '../../../server/resumable/resumable.ts';
import { Model, stop, texts } from '../../core/harness.ts';
import { Stage, reading, streamIn, tick, virtualTime } from './stage.ts';

virtualTime();

test('a reader that is slower than its log drops chunks gets all of them, once, and counts as present', async () => {
  const stage = new Stage();
  const log = memoryLog({ maxStreamBytes: 40_000 });
  const model = new Model().give(texts('a '));
  const pipeline = new Pipeline([model.middleware], { store: stage.store });
  const runs = resumable(pipeline, { log, leaseMs: 1_000, graceMs: 100, orphanMs: 3_000 });
  const other = resumable(pipeline, { log, leaseMs: 1_000, graceMs: 100 });
  const stream = runs.stream(undefined, 'hi', { turnId: 't' });
  await Promise.all([stream.next(), tick()]);
  await stream.close();
  const late = await streamIn(other.read(stream.key));
  const got = [await late.next()];
  const said = ['a ', ...Array.from({ length: 600 }, (_, at) => `${at} `)];
  for (const piece of said.slice(1)) model.give(texts(piece));
  await tick();
  const page = await log.read(stream.key, { after: 0 });
  expect(page?.first).toBeGreaterThan(300);
  // It takes longer than a turn goes on that nobody reads.
  for (let reads = 0; reads < 3; reads++) {
    got.push(await late.next());
    await tick(2_000);
  }
  model.give(stop());
  await tick();
  for (let items = await late.next(); items !== undefined; items = await late.next()) got.push(items);
  const items = got.flatMap((some) => some ?? []);
  const heard = items.flatMap((item) =>
    item.type === 'chunk' && item.chunk.type === 'content' ? [item.chunk.content] : [],
  );
  expect(heard).toEqual(said);
  expect(Math.max(...got.map((some) => some?.length ?? 0))).toBeLessThan(700);
  expect(items.at(-1)).toMatchObject({ type: 'end', end: { outcome: 'completed' } });
});

test('what another run of a trimmed turn has to void is known from the snapshot', async () => {
  const log = memoryLog({ maxStreamBytes: 2_500 });
  const key = { owner: 'ada', id: 't' };
  const opened = await log.open(key, { turnId: 't' }, { leaseMs: 60_000 });
  if (opened.as !== 'owner') throw new Error('expected the owner');
  for (let index = 0; index < 40; index++)
    await log.append(opened.held, index, [{ type: 'content', content: 'x', call: index < 9 ? 2 : 5, index }]);
  expect((await log.read(key, { after: 0 }))?.first).toBeGreaterThan(9);
  expect(await callsIn(log, key, 1_000)).toEqual([2, 5]);
});

test('what was seen of a trimmed turn is whole', async () => {
  const log = memoryLog({ maxStreamBytes: 2_500 });
  const key = { owner: 'ada', id: 't' };
  const opened = await log.open(key, { turnId: 't' }, { leaseMs: 60_000 });
  if (opened.as !== 'owner') throw new Error('expected the owner');
  const pieces = Array.from({ length: 40 }, (_, index) => `${index} `);
  for (const [index, content] of pieces.entries())
    await log.append(opened.held, index, [{ type: 'content', content, call: 1, index }]);
  expect((await log.read(key, { after: 0 }))?.first).toBeGreaterThan(9);
  expect(await partialReply(log, key, 1_000)).toEqual([{ role: 'assistant', content: pieces.join('') }]);
});

test('a stream whose snapshot is too large has a gap', async () => {
  const stage = new Stage();
  const log = memoryLog({ maxStreamBytes: 4_000 });
  const model = new Model();
  const runs = resumable(new Pipeline([model.middleware], { store: stage.store }), { log });
  const stream = runs.stream(undefined, 'hi', { turnId: 't' });
  const got = reading(stream);
  for (let at = 0; at < 600; at++) model.give(texts('some text '));
  model.give(stop());
  await tick();
  await got.done;
  const { first } = (await log.read(stream.key, { after: 0 })) ?? {};
  expect(await runs.read(stream.key)).toEqual({ as: 'gap', first });
});

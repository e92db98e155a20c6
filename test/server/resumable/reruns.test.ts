import { describe, expect, test, vi } from 'vitest';
import { SluiceError } from 'sluice';
import type { ResetChunk } from 'sluice';
import { Model, answers, says, settled, stop, text, texts } from '../../core/harness.ts';
import { linesOf } from '../../session/stage.ts';
import { GRACE_MS, LEASE_MS, STORED_MS, Stage, reading, streamIn, tick, virtualTime } from './stage.ts';
import type { Reading } from './stage.ts';

const session = { owner: 'ada', id: 's' };
const key = { owner: 'ada', id: 't' };
const down = new SluiceError('server', 'down');

virtualTime();

const resetsOf = ({ items }: Reading): ResetChunk[] =>
  items.flatMap((item) => (item.type === 'chunk' && item.chunk.type === 'reset' ? [item.chunk] : []));

describe('a turn that is run once more', () => {
  test('voids the calls of the run before, each time', async () => {
    const { middleware } = answers([[text('a ')], down], [[text('b ')], down], [[text('c')], stop()]);
    const { runs } = new Stage().process(middleware);
    const ask = (): Reading => reading(runs.stream(session, 'hi', { turnId: 't', again: true }));
    await Promise.all([ask().done, tick()]);
    await Promise.all([ask().done, tick()]);
    const last = ask();
    await tick();
    expect([last.text, last.end?.outcome]).toEqual(['c', 'completed']);
    expect(resetsOf(last).map(({ calls, reason }) => [calls, reason])).toEqual([
      [[1], 'again'],
      [[1], 'again'],
    ]);
  });

  test('and stopped while it looks for what was said before, makes no call', async () => {
    const { middleware, calls } = answers([[text('a ')], down], [[text('b')], stop()]);
    const { runs, log } = new Stage().process(middleware);
    const ask = (): Reading => reading(runs.stream(session, 'hi', { turnId: 't', again: true }));
    await Promise.all([ask().done, tick()]);
    const { read } = log;
    log.read = async (...given) => {
      log.read = read;
      await runs.stop(key, 'enough');
      await settled();
      return read(...given);
    };
    const again = ask();
    await tick();
    expect([again.end?.outcome, again.end?.reason, calls.length]).toEqual(['cancelled', 'enough', 1]);
  });
});

test('what is kept of a request is plain data, so that another process reads what this one meant', async () => {
  const { runs, log } = new Stage().process(says('a'));
  const open = vi.spyOn(log, 'open');
  const deadline = new Date(Date.now() + 60_000);
  const got = reading(runs.stream(session, 'hi', { turnId: 't', deadline, timeoutMs: 5_000 }));
  await tick();
  expect(got.text).toBe('a');
  const request = open.mock.calls[0]?.[1].request;
  expect(request).toMatchObject({ options: { deadline: deadline.getTime(), timeoutMs: 5_000 } });
  expect(JSON.parse(JSON.stringify(request))).toEqual(request);
});

test('a dead turn with more chunks than a page of the log has is stored whole', async () => {
  const stage = new Stage();
  const model = new Model();
  const dying = stage.process(model.middleware);
  void reading(dying.runs.stream(session, 'hi', { turnId: 't' }));
  await tick();
  // Each goes into the log by itself: a page has whole appends.
  for (let append = 0; append < 3; append++) {
    model.give(texts(...Array.from({ length: 200 }, () => 'x')));
    await tick();
  }
  const finder = stage.process(says('never'), { onOwnerLost: 'end' });
  const got = reading(await streamIn(finder.runs.read(key)));
  await tick();
  dying.log.halt();
  await tick(LEASE_MS + GRACE_MS + 5);
  await tick(STORED_MS);
  expect([got.text.length, got.end?.reason]).toEqual([600, 'owner_lost']);
  expect(await linesOf(stage.store, session)).toEqual(['user: hi', `assistant: ${'x'.repeat(600)} *`]);
  dying.log.goOn();
  await tick();
});

test('a log that says that asking again does not help is asked once', async () => {
  const { runs, log } = new Stage().process(says('never'));
  log.failure = new SluiceError('store', 'The table is gone.', { retryable: false });
  const got = reading(runs.stream(session, 'hi', { turnId: 't' }));
  await tick();
  expect([got.error, log.count('open')]).toMatchObject([{ code: 'store' }, 1]);
});

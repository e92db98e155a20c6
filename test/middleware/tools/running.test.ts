import { Pipeline, SluiceError } from 'sluice';
import { provider } from 'sluice/middleware';
import { timeout } from 'sluice/middleware/timeout';
import { tool, tools } from 'sluice/middleware/tools';
import type { ToolRun } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { calling, placeOf, play, resultsIn, withoutDeltas, wordFor } from './stage.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => void vi.useRealTimers());

/** A tool that waits until it is told to go on, and a log of what happens. */
function held(
  name: string,
  options: { parallel?: boolean; timeoutMs?: number; idempotent?: boolean; deaf?: boolean } = {},
) {
  const { deaf = false, ...rest } = options;
  const log: string[] = [];
  const open: { resolve: (value: unknown) => void; reject: (error: Error) => void; run: ToolRun }[] = [];
  const made = tool({
    name,
    description: 'Waits',
    input: z.object({ n: z.number().default(0) }),
    ...rest,
    execute: ({ n }, run): Promise<unknown> => {
      log.push(`start ${n}`);
      return new Promise((resolve, reject) => {
        open.push({ resolve, reject, run });
        if (!deaf)
          run.signal.addEventListener('abort', () => {
            log.push(`abort ${n}`);
            reject(new Error('aborted'));
          });
      });
    },
  });
  return { made, log, open };
}

/** Lets everything run that waits for no timer. */
const settle = async (): Promise<void> => {
  for (let tick = 0; tick < 60; tick++) await Promise.resolve();
};

const numbered = (name: string, count: number) =>
  calling(...Array.from({ length: count }, (_, n): [string, unknown] => [name, { n }]));

describe('parallel calls', () => {
  test('run five at a time, the next as soon as one has its result', async () => {
    const one = held('wait');
    const played = play(tools([one.made]), [numbered('wait', 7), 'Done.']);
    await settle();
    expect(one.log).toHaveLength(5);
    one.open[3]?.resolve('three');
    await settle();
    expect(one.log.at(-1)).toBe('start 5');
    for (const { resolve } of one.open) resolve('x');
    await settle();
    expect(one.log).toHaveLength(7);
    for (const { resolve } of one.open) resolve('x');
    const { seen, sent } = await played;
    expect(withoutDeltas(seen).find((word) => word.startsWith('result'))).toBe('result 0_3 three');
    // In the order of the calls, whatever the order of the chunks.
    expect(resultsIn(sent[1]).map((word) => word.split(' ')[1])).toEqual([
      '0_0',
      '0_1',
      '0_2',
      '0_3',
      '0_4',
      '0_5',
      '0_6',
    ]);
  });

  test('a tool with parallel: false runs alone', async () => {
    const alone = held('alone', { parallel: false });
    const beside = held('beside');
    const played = play(tools([alone.made, beside.made]), [
      calling(['beside', { n: 1 }], ['alone', { n: 2 }], ['beside', { n: 3 }]),
      'Done.',
    ]);
    await settle();
    expect([alone.log, beside.log]).toEqual([[], ['start 1']]);
    beside.open[0]?.resolve('a');
    await settle();
    expect([alone.log, beside.log]).toEqual([['start 2'], ['start 1']]);
    alone.open[0]?.resolve('b');
    await settle();
    expect(beside.log).toEqual(['start 1', 'start 3']);
    beside.open[1]?.resolve('c');
    expect((await played).result?.response.content).toBe('Done.');
  });

  test('R30 a failed call cancels the others by choice, and waits for them; those that wait are not run', async () => {
    const one = held('wait');
    const played = play(tools([one.made], { cancelOnError: true, maxParallel: 2 }), [
      numbered('wait', 3),
      'Done.',
    ]);
    await settle();
    one.open[0]?.reject(new Error('broken'));
    const { sent } = await played;
    expect(one.log).toEqual(['start 0', 'start 1', 'abort 1']);
    expect(resultsIn(sent[1])).toEqual([
      'error 0_0 The tool failed: broken',
      'error 0_1 The tool was stopped before its end. It may have taken effect.',
      'error 0_2 The tool was not run, because another call of the same reply failed.',
    ]);
  });

  test('a cancelled call that ignores its signal is given up after a second, with a warning', async () => {
    const one = held('wait', { deaf: true });
    const played = play(tools([one.made], { cancelOnError: true }), [numbered('wait', 2), 'Done.']);
    await settle();
    one.open[0]?.reject(new Error('broken'));
    await settle();
    await vi.advanceTimersByTimeAsync(1_000);
    const { result, sent } = await played;
    expect(resultsIn(sent[1])[1]).toMatch(/^error 0_1 The tool was stopped/);
    expect(result?.warnings).toEqual(['The tool wait ignored its signal for 1000 ms and was given up.']);
  });

  test('R30 an error that ends the execution aborts the others first', async () => {
    const one = held('wait');
    const played = play(tools([one.made], { onError: 'throw' }), [numbered('wait', 2)]);
    await settle();
    one.open[0]?.reject(new Error('broken'));
    const { error } = await played;
    expect(error).toMatchObject({ code: 'tool', message: 'The tool wait failed: broken' });
    expect(one.log).toEqual(['start 0', 'start 1', 'abort 1']);
  });
});

describe('time', () => {
  test('a tool that takes too long is stopped, and the model is told that it may have taken effect', async () => {
    const one = held('wait', { timeoutMs: 50, deaf: true });
    const played = play(tools([one.made]), [numbered('wait', 1), 'Done.']);
    await settle();
    await vi.advanceTimersByTimeAsync(50);
    const { sent, result } = await played;
    expect(one.open[0]?.run.signal.aborted).toBe(true);
    expect(resultsIn(sent[1])).toEqual([
      'error 0_0 The tool took longer than 50 ms and was stopped. It may have taken effect.',
    ]);
    one.open[0]?.resolve('late');
    await settle();
    expect(result?.messages.filter(({ role }) => role === 'tool')).toHaveLength(1);
  });

  test('an idempotent tool that takes too long runs once more, with the same key', async () => {
    const one = held('wait', { timeoutMs: 50, idempotent: true });
    const played = play(tools([one.made]), [numbered('wait', 1), 'Done.']);
    await settle();
    await vi.advanceTimersByTimeAsync(50);
    expect(one.log).toEqual(['start 0', 'abort 0', 'start 0']);
    expect(new Set(one.open.map(({ run }) => run.idempotencyKey)).size).toBe(1);
    one.open[1]?.resolve('better');
    expect(resultsIn((await played).sent[1])).toEqual(['ok 0_0 better']);
  });

  test('a tool that never settles ends with the time of the execution', async () => {
    const one = held('wait', { deaf: true });
    const model = scripted([numbered('wait', 1)]);
    const pipeline = new Pipeline([tools([one.made]), provider(model)], {
      executionTimeoutMs: 100,
      closeTimeoutMs: 10,
    });
    const failed = pipeline.execute('user', 'Go').catch((error: unknown) => error);
    await settle();
    await vi.advanceTimersByTimeAsync(200);
    expect(await failed).toMatchObject({ code: 'timeout', phase: 'total' });
    expect(one.open[0]?.run.signal.aborted).toBe(true);
  });

  test('an idle timeout below the loop does not count the time of tools', async () => {
    const one = held('wait');
    const played = play([tools([one.made]), timeout({ idleMs: 20 })], [numbered('wait', 1), 'Done.']);
    await settle();
    await vi.advanceTimersByTimeAsync(500);
    one.open[0]?.resolve('slow');
    expect((await played).result?.response.content).toBe('Done.');
  });
});

describe('the end', () => {
  async function closing(onClose: 'abort' | 'finish', deaf = false) {
    const one = held('wait', { deaf });
    const model = scripted([numbered('wait', 2)]);
    const pipeline = new Pipeline([tools([one.made], { onClose, maxParallel: 1 }), provider(model)], {
      closeTimeoutMs: 100,
    });
    const stream = pipeline.executeStream('user', 'Go');
    const result = stream.result.catch((error: unknown) => error);
    for (;;) {
      const next = await stream.next();
      if (next.done === true || wordFor(next.value).startsWith('call 0_1')) break;
    }
    const pending = stream.next();
    await settle();
    let isClosed = false;
    const closed = stream.close().then(() => void (isClosed = true));
    await settle();
    return { one, result, pending, closed, isClosed: () => isClosed };
  }

  test('a consumer that closes aborts what runs, and nothing starts any more', async () => {
    const { one, closed, pending, result } = await closing('abort');
    await closed;
    expect(one.log).toEqual(['start 0', 'abort 0']);
    expect(await pending).toMatchObject({ done: true });
    expect(await result).toMatchObject({ code: 'aborted' });
  });

  test('with onClose: finish it waits for what runs, without an abort', async () => {
    const { one, closed, isClosed } = await closing('finish');
    expect([one.log, isClosed()]).toEqual([['start 0'], false]);
    one.open[0]?.resolve('kept');
    await closed;
    await settle();
    expect(one.log).toEqual(['start 0']);
  });

  test('a tool that ignores its signal is given up after closeTimeoutMs', async () => {
    const { one, closed, isClosed } = await closing('abort', true);
    expect(isClosed()).toBe(false);
    await vi.advanceTimersByTimeAsync(100);
    await closed;
    one.open[0]?.resolve('late');
    await settle();
    expect(one.log).toEqual(['start 0']);
  });

  test('an aborted signal ends the tools, too', async () => {
    const one = held('wait');
    const stop = new AbortController();
    const model = scripted([numbered('wait', 2)]);
    const pipeline = new Pipeline([tools([one.made], { maxParallel: 1 }), provider(model)]);
    const failed = pipeline.execute('user', 'Go', { signal: stop.signal }).catch((error: unknown) => error);
    await settle();
    stop.abort();
    expect(await failed).toBeInstanceOf(SluiceError);
    expect(one.log).toEqual(['start 0', 'abort 0']);
  });
});

describe('what a tool is given', () => {
  test('the id of its call, a key for services, and progress that the consumer sees', async () => {
    const runs: ToolRun[] = [];
    const work = tool({
      name: 'work',
      description: 'Works',
      input: z.object({}),
      execute: (_input, run) => {
        runs.push(run);
        run.progress({ done: 0.5 });
        return 'ok';
      },
    });
    const { seen, chunks } = await play(tools([work]), [calling(['work', {}]), 'Done.']);
    expect(withoutDeltas(seen)).toEqual([
      'call 0_0 work',
      'progress 0_0 {"done":0.5}',
      'result 0_0 ok',
      'Done.',
      'done',
    ]);
    const call = chunks.find((chunk) => chunk.type === 'tool_call');
    expect(runs[0]?.callId).toBe(call?.id);
    expect(runs[0]?.idempotencyKey).toContain(placeOf(call?.id ?? ''));
    // After its end it is not heard.
    runs[0]?.progress('late');
  });

  test('a span with its outcome; arguments and results only on request', async () => {
    const echo = tool({
      name: 'echo',
      description: 'Echoes',
      input: z.object({ text: z.string() }),
      execute: ({ text }) => text,
    });
    const plain = await play(tools([echo]), [calling(['echo', { text: 'secret' }]), 'Done.']);
    const spans = plain.result?.trace.filter(({ kind }) => kind === 'tool') ?? [];
    expect(spans).toMatchObject([{ name: 'echo', outcome: 'completed', attributes: { result: 'done' } }]);
    expect(spans[0]?.durationMs).toBeTypeOf('number');
    expect(JSON.stringify(plain.result?.trace)).not.toContain('secret');
    const told = await play(tools([echo], { trace: { arguments: true, results: true } }), [
      calling(['echo', { text: 'secret' }]),
      'Done.',
    ]);
    expect(told.result?.trace.find(({ kind }) => kind === 'tool')?.attributes).toMatchObject({
      arguments: '{"text":"secret"}',
      content: 'secret',
    });
  });
});

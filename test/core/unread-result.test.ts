import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { answers, stop, text, texts } from './harness.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function started() {
  const warnings: string[] = [];
  vi.spyOn(console, 'warn').mockImplementation((warning) => void warnings.push(String(warning)));
  const { middleware } = answers([texts('a', ...Array<string>(30).fill('b')), stop()]);
  return { warnings, stream: new Pipeline([middleware]).executeStream('user', 'hi') };
}

test('a wait for the result of a stream that nobody reads is warned about once, after five seconds, with how to read it', async () => {
  const { warnings, stream } = started();
  void stream.result;
  void stream.result;
  await vi.advanceTimersByTimeAsync(4_999);
  expect(warnings).toEqual([]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(warnings).toEqual([expect.stringMatching(/nobody reads.*for await.*text\(\).*execute\(\)/)]);
  await stream.close();
});

test('so is that of a stream that is ready and then left', async () => {
  const { warnings, stream } = started();
  await stream.ready();
  void stream.result;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(warnings).toHaveLength(1);
  await stream.close();
});

test('a result that is asked for before the stream is read, or through a view, is no reason to warn', async () => {
  const { warnings, stream } = started();
  const result = stream.result;
  await stream.next();
  await vi.advanceTimersByTimeAsync(10_000);
  await stream.text();
  expect((await result).response.content).toBe('a' + 'b'.repeat(30));

  const other = started();
  void other.stream.result;
  const texts = other.stream.textStream();
  await texts.next();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(warnings.concat(other.warnings)).toEqual([]);
  await texts.close();
});

const ways: [string, (stream: ReturnType<typeof started>['stream']) => Promise<unknown>][] = [
  ['a chunk', (stream) => stream.next()],
  ['a batch', (stream) => stream.read()],
  ['a chunk that was ready', (stream) => stream.ready().then(() => stream.next())],
  ['a batch that was ready', (stream) => stream.ready().then(() => stream.read())],
  ['all of it', (stream) => stream.text()],
];
test.each(ways)('a stream of which somebody has read %s is no reason to warn', async (_, read) => {
  for (const asked of ['before', 'after']) {
    const { warnings, stream } = started();
    if (asked === 'before') void stream.result;
    await read(stream);
    const timers = vi.getTimerCount();
    void stream.result;
    expect([asked, vi.getTimerCount()]).toEqual([asked, timers]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([asked, warnings]).toEqual([asked, []]);
    await stream.close();
  }
});

test('nor is one that has ended unread, or that another stream reads', async () => {
  const closed = started();
  await closed.stream.close();
  const mapped = started();
  const map = mapped.stream.map((chunk) => chunk);
  await map.ready();
  for (const { warnings, stream } of [closed, mapped]) {
    const timers = vi.getTimerCount();
    stream.result.catch(() => undefined);
    expect(vi.getTimerCount()).toBe(timers);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(warnings).toEqual([]);
  }
  await map.close();
});

test('nor is one of which a layer has read a chunk of a generator', async () => {
  const { warnings } = started();
  const generator: Middleware = async function* generator() {
    yield text('a');
    yield text('b');
    return { finishReason: 'stop' };
  };
  const reads: Middleware = async function* reads(_context, next) {
    const stream = next();
    void stream.result;
    const first = await stream.next();
    await vi.advanceTimersByTimeAsync(10_000);
    if (first.done !== true) yield first.value;
    return yield* stream;
  };
  const { response } = await new Pipeline([reads, generator]).execute('user', 'hi');
  expect([response.content, warnings]).toEqual(['ab', []]);
});

test('the end of a stream stops the timer, so that no process waits for it', async () => {
  const { stream } = started();
  void stream.result;
  expect(vi.getTimerCount()).toBe(1);
  await stream.close();
  expect(vi.getTimerCount()).toBe(0);
});

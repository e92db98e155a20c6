import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Pipeline } from 'sluice';
import { answers, stop, texts } from './harness.ts';

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

test('the end of a stream stops the timer, so that no process waits for it', async () => {
  const { stream } = started();
  void stream.result;
  expect(vi.getTimerCount()).toBe(1);
  await stream.close();
  expect(vi.getTimerCount()).toBe(0);
});

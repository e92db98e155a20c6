import { Pipeline } from 'sluice';
import { mcpTools } from 'sluice/interop/mcp';
import { provider } from 'sluice/middleware';
import { tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { timersLeftBy, unhandledRejectionsOf } from '../../../testing/leaks.ts';
import { HttpServer } from './http-server.ts';
import { call, near } from './stage.ts';
import type { Near } from './stage.ts';

afterEach(() => {
  vi.useRealTimers();
});

const cancelled = ({ server }: Near) =>
  server.received.filter(({ method }) => method === 'notifications/cancelled');

describe('a result', () => {
  test('has images and files as parts, and resources with their addresses', async () => {
    const { mcp } = await near('');
    const { results } = await call(mcp, [['parts']]);
    expect(results[0]?.parts).toMatchObject([
      { type: 'text', text: 'Look:' },
      { type: 'image', mediaType: 'image/png', data: expect.stringMatching(/^iVBOR/) },
      { type: 'file', mediaType: 'audio/wav' },
      { type: 'text', text: 'file:///notes.txt\nnoted' },
      { type: 'file', mediaType: 'application/zip', filename: 'data.bin' },
      { type: 'text', text: '(a link to a resource: far, file:///far.txt)' },
    ]);
    await mcp.close();
  });

  test('leaves out files that are too large, and names them', async () => {
    const { mcp } = await near('', { maxFileBytes: 6 });
    const { results } = await call(mcp, [['parts']]);
    expect(results[0]?.content).toContain('(image, image/png: left out, it is too large)');
    expect(results[0]?.parts?.map(({ type }) => type)).toEqual([
      'text',
      'text',
      'file',
      'text',
      'file',
      'text',
    ]);
    await mcp.close();
  });

  test('names parts that nobody knows', async () => {
    const { mcp } = await near('');
    const { results } = await call(mcp, [['odd']]);
    expect(results[0]?.content.split('\n')).toEqual([
      '(a part that is not an object was left out)',
      '(a part that is not an object was left out)',
      '(a part of type "hologram" was left out)',
      '(a part of type "text" was left out)',
      '(image/png: left out, its data is not base64)',
    ]);
    await mcp.close();
  });

  test.each([
    ['counts', false, '{"n": 2}'],
    ['miscounts', true, /does not match the output schema .* #\/n/],
    ['forgets', true, /it has no structuredContent/],
  ])('with data is checked, and the data is not repeated: %s', async (name, isError, content) => {
    const { mcp } = await near('');
    const { results } = await call(mcp, [[name]]);
    expect(results).toMatchObject([
      { isError, content: typeof content === 'string' ? content : expect.stringMatching(content) },
    ]);
    await mcp.close();
  });

  test('that is too long loses its middle', async () => {
    const { mcp } = await near('');
    const { results } = await call(mcp, [['huge']], { tools: { maxResultCharacters: 1_000 } });
    expect(results[0]?.content.length).toBeLessThan(1_100);
    await mcp.close();
  });

  test.each([
    ['fails', /^The tool failed: It is broken: \*\*\*$/],
    ['refuses', /The server refused the call: .*No, thank you/],
    [
      'breaks',
      /^The tool failed: Look:\n\(image: image\/png\)\n\(file: audio\/wav\)\nfile:.*\nnoted\n\(file: app/,
    ],
    ['explains', /^The tool failed: \{"reason":"full"\}$/],
  ])('that is an error is told to the model, without keys: %s', async (name, content) => {
    const { mcp } = await near('');
    const { results } = await call(mcp, [[name]]);
    expect(results).toMatchObject([{ isError: true, content: expect.stringMatching(content) }]);
    await mcp.close();
  });
});

describe('time', () => {
  test('progress renews the idle time, and is passed on', async () => {
    vi.useFakeTimers();
    const it = await near('', { idleTimeoutMs: 1_000, totalTimeoutMs: 10_000 });
    const called = call(it.mcp, [['steps']]);
    await vi.advanceTimersByTimeAsync(900);
    tell(it, 2);
    await vi.advanceTimersByTimeAsync(900);
    expect(cancelled(it)).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    const { results, progress } = await called;
    expect(results[0]).toMatchObject({
      isError: true,
      content: expect.stringMatching(/said nothing for 1000 ms.*may have taken effect/),
    });
    expect(progress).toMatchObject([{ progress: 1, total: 10 }, { progress: 2 }]);
    expect(cancelled(it)).toMatchObject([{ params: { reason: expect.stringContaining('said nothing') } }]);
    await it.mcp.close();
  });

  test('progress does not renew the total time', async () => {
    vi.useFakeTimers();
    const it = await near('', { idleTimeoutMs: 1_000, totalTimeoutMs: 2_500 });
    const called = call(it.mcp, [['steps']]);
    for (let at = 0; at < 6; at++) {
      await vi.advanceTimersByTimeAsync(500);
      tell(it, at);
    }
    const { results } = await called;
    expect(results[0]?.content).toMatch(/longer than 2500 ms/);
    expect(cancelled(it).length).toBe(1);
    await it.mcp.close();
  });

  /** Progress of the last call. */
  function tell({ server }: Near, progress: number): void {
    const last = server.received.findLast(({ method }) => method === 'tools/call');
    server.tell(last?.params?._meta?.progressToken, progress);
  }

  test('an idempotent call whose outcome is not known is sent once more', async () => {
    vi.useFakeTimers();
    const it = await near('', { idleTimeoutMs: 1_000, each: () => ({ idempotent: true }) });
    const called = call(it.mcp, [['silent']]);
    await vi.advanceTimersByTimeAsync(2_100);
    await called;
    expect(it.server.received.filter(({ method }) => method === 'tools/call').length).toBe(2);
    await it.mcp.close();
  });

  test('a flood of progress does not become a flood of chunks, and the result comes', async () => {
    // The clock by which progress is passed on stands still.
    vi.useFakeTimers({ toFake: ['performance'] });
    const { mcp } = await near('');
    const { results, progress } = await call(mcp, [['flood']]);
    expect(results[0]).toMatchObject({ content: 'flooded', isError: false });
    expect(progress.length).toBe(1);
    expect(JSON.stringify(progress[0]).length).toBeLessThan(700);
    await mcp.close();
  });
});

test('a consumer that closes cancels the call at the server', async () => {
  const it = await near('');
  const model = scripted([{ toolCalls: [{ name: 'steps', arguments: {} }] }, 'Done.']);
  const stream = new Pipeline([tools([it.mcp]), provider(model)]).executeStream('user', 'Go on.');
  for await (const chunk of stream) if (chunk.type === 'tool_progress') break;
  expect(cancelled(it).length).toBe(1);
  await it.mcp.close();
});

test('a server that goes fails all its calls at once, and those after that, with words for the model', async () => {
  const { mcp } = await near('');
  const { results } = await call(mcp, [['silent'], ['silent'], ['die']]);
  for (const { content, isError } of results) {
    expect(isError).toBe(true);
    expect(content).toMatch(/ended before its answer came\. It may have taken effect/);
  }
  const later = await call(mcp, [['echo']]);
  expect(later.results).toMatchObject([
    { isError: true, content: 'The tool failed: The server is gone: the connection has ended.' },
  ]);
  await mcp.close();
});

describe('what a server asks', () => {
  const answers = ({ server }: Near) =>
    server.received.filter(({ id, method }) => String(id).startsWith('ask') && method === undefined);

  test('is refused, and the call goes on', async () => {
    const it = await near('');
    const { results } = await call(it.mcp, [['asks']]);
    await new Promise(setImmediate);
    expect(results[0]?.content).toBe('asked');
    expect(answers(it)).toHaveLength(3);
    for (const { error } of answers(it)) expect(error).toMatchObject({ code: -32_601 });
    await it.mcp.close();
  });

  test('is answered by onElicitation; what that throws is not for the server', async () => {
    await using server = await new HttpServer().listen();
    const asked: unknown[] = [];
    const onElicitation = (question: { message: string }) => {
      asked.push(question.message);
      if (asked.length === 1) return { action: 'accept' as const, content: { password: 'no' } };
      throw new Error('words of a user');
    };
    await using mcp = await mcpTools(
      { url: server.url },
      { onElicitation, roots: [{ uri: 'file:///data' }] },
    );
    await call(mcp, [['asks']]);
    await call(mcp, [['asks']]);
    const answers = async () =>
      server.answers.toSorted((one, other) => String(one.id).localeCompare(String(other.id)));
    await expect
      .poll(answers)
      .toMatchObject([
        { result: { action: 'accept', content: { password: 'no' } } },
        { error: { message: 'Nobody could be asked.' } },
        { error: { code: -32_601 } },
        { error: { code: -32_601 } },
        { result: { roots: [{ uri: 'file:///data' }] } },
        { result: { roots: [{ uri: 'file:///data' }] } },
      ]);
    expect(asked).toEqual(['Your password?', 'Your password?']);
  });
});

test('neither timers nor rejections are left', async () => {
  const work = async () => {
    const { mcp } = await near('');
    await call(mcp, [['silent'], ['die']]);
    await mcp.close();
    const other = await near('');
    await call(other.mcp, [['echo']]);
    await other.mcp.close();
    await other.mcp.close();
  };
  expect(await timersLeftBy(work)).toBe(0);
  expect(await unhandledRejectionsOf(work)).toEqual([]);
});

test('a client that was passed in stays open, unless it is ours', async () => {
  const it = await near('', { own: false });
  await it.mcp.close();
  expect(await it.client.callTool({ name: 'echo', arguments: { a: 1 } })).toMatchObject({
    content: [{ text: '{"a":1}' }],
  });
  await it.client.close();
});

describe('wrong options', () => {
  test.each([
    ['nothing', {}, {}, /give \{ command \}, \{ url \}/],
    ['no http', { url: 'ftp://x' }, {}, /url is a string: give an http: or https: URL/],
    ['an old client', { callTool: () => undefined }, {}, /not one of @modelcontextprotocol\/client 2/],
    ['a bad prefix', { command: 'x' }, { prefix: 'a.' }, /prefix is a string: give at most 40 letters/],
    ['an unknown option', { command: 'x' }, { timeout: 1 }, /timeout is not an option/],
    ['a bad field', { command: 'x', shell: true }, {}, /shell is not an option/],
  ])('%s', async (_what, source, options, message) => {
    await expect(mcpTools(source as never, options as never)).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.stringMatching(message),
    });
  });
});

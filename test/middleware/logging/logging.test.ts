import { Pipeline, SluiceError, silent } from 'sluice';
import type { LoggerLike, Middleware } from 'sluice';
import { constant } from 'sluice/kit';
import { logging } from 'sluice/middleware/logging';
import type { LoggingOptions } from 'sluice/middleware/logging';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import { openai } from 'sluice/providers/openai';
import { faultServer, openaiError } from 'sluice/testing';
import pino from 'pino';
import { describe, expect, test, vi } from 'vitest';
import { model, text, texts, usage } from '../models.ts';

type Line = [level: string, message: string, fields: Record<string, unknown>];

/** A logger that keeps its lines. */
function kept(): LoggerLike & { lines: Line[] } {
  const lines: Line[] = [];
  const write =
    (level: string) =>
    (message: unknown, fields: unknown): void =>
      void lines.push([level, String(message), { ...Object(fields) }]);
  return { lines, debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

const overloaded = new SluiceError('overloaded', 'Busy with: my secret question', {
  status: 529,
  requestId: 'req_1',
  provider: 'made',
});
const answer = {
  chunks: texts('Hello ', 'there'),
  reply: { usage: usage(5, 2), requestId: 'req_2', model: 'made-1-0925' },
};

const instant = retry({ backoff: constant(0) });

describe('logging', () => {
  test('logs one line at the start and one at the end of the execution and of each attempt', async () => {
    const logger = kept();
    const pipeline = new Pipeline([
      logging({ logger }),
      instant,
      provider(model({ error: overloaded }, answer)),
    ]);
    const { id } = await pipeline.execute('user', 'my secret question');
    expect(logger.lines).toEqual([
      ['info', 'execution started', { event: 'execution_start', executionId: id, messageCount: 1 }],
      [
        'debug',
        'attempt started',
        expect.objectContaining({ event: 'attempt_start', executionId: id, call: 1 }),
      ],
      [
        'warn',
        'attempt failed',
        {
          event: 'attempt_end',
          executionId: id,
          call: 1,
          outcome: 'failed',
          durationMs: expect.any(Number),
          provider: 'made',
          model: 'made-1',
          inputTokens: 0,
          outputTokens: 0,
          cachedInputTokens: 0,
          reasoningTokens: 0,
          errorCode: 'overloaded',
          status: 529,
          requestId: 'req_1',
          retryable: true,
        },
      ],
      ['debug', 'attempt started', expect.objectContaining({ executionId: id, call: 2 })],
      [
        'info',
        'attempt completed',
        expect.objectContaining({
          call: 2,
          attempt: 2,
          outcome: 'completed',
          finishReason: 'stop',
          requestId: 'req_2',
          provider: 'made',
          model: 'made-1-0925',
          inputTokens: 5,
          outputTokens: 2,
        }),
      ],
      [
        'info',
        'execution completed',
        {
          event: 'execution_end',
          executionId: id,
          outcome: 'completed',
          calls: 2,
          latencyMs: expect.any(Number),
          timeToFirstChunkMs: expect.any(Number),
          inputTokens: 5,
          outputTokens: 2,
          cachedInputTokens: 0,
          reasoningTokens: 0,
          costStatus: 'unknown',
        },
      ],
    ]);
  });

  test.each(['outside', 'inside'])('logs the same %s of a retry', async (place) => {
    const logger = kept();
    const own = logging({ logger });
    const stack = place === 'outside' ? [own, instant] : [instant, own];
    await new Pipeline([...stack, provider(model({ error: overloaded }, answer))]).execute('user', 'Hi');
    expect(
      logger.lines.map(([level, , { event, call }]) => `${level} ${String(event)} ${String(call)}`),
    ).toEqual([
      'info execution_start undefined',
      'debug attempt_start 1',
      'warn attempt_end 1',
      'debug attempt_start 2',
      'info attempt_end 2',
      'info execution_end undefined',
    ]);
  });

  test.each(['outside', 'inside'])(
    'logs what a call cost %s of the one who knows the price',
    async (place) => {
      const logger = kept();
      const pricing: Middleware = function pricing(_context, next) {
        return next().tap({
          call: (call) => ({ end: () => (call.cost = { status: 'exact', totalUsd: 0.25 }) }),
        });
      };
      const own = logging({ logger });
      const stack = place === 'outside' ? [own, pricing] : [pricing, own];
      await new Pipeline([...stack, provider(model(answer))]).execute('user', 'Hi');
      const costs = logger.lines.filter(([, , { costUsd }]) => costUsd !== undefined);
      expect(costs.map(([, message, { costUsd, costStatus }]) => [message, costUsd, costStatus])).toEqual([
        ['attempt completed', 0.25, 'exact'],
        ['execution completed', 0.25, 'exact'],
      ]);
    },
  );

  test('logs a failed execution as an error, a cancelled one as info', async () => {
    const failing = kept();
    const broken = new Pipeline([logging({ logger: failing }), provider(model({ error: overloaded }))]);
    await expect(broken.execute('user', 'Hi')).rejects.toBe(overloaded);
    expect(failing.lines.at(-1)).toMatchObject([
      'error',
      'execution failed',
      { errorCode: 'overloaded', status: 529 },
    ]);

    const closing = kept();
    const pipeline = new Pipeline([logging({ logger: closing }), provider(model(answer))], {
      streamBufferSize: 0,
    });
    const stream = pipeline.executeStream('user', 'Hi');
    await stream.next();
    await stream.close();
    expect(closing.lines.at(-1)).toMatchObject(['info', 'execution cancelled', { errorCode: 'aborted' }]);
  });

  test('logs the session', async () => {
    const logger = kept();
    await new Pipeline([logging({ logger }), provider(model(answer))]).executeWithContext(
      's-1',
      'user',
      'Hi',
    );
    expect(logger.lines[0]?.[2]).toMatchObject({ sessionId: 's-1' });
  });

  test('S17 no content is logged without the option content', async () => {
    const said = ['my secret question', 'Hello', 'secret thought', 'secret argument', 'secret reason'];
    const chunks = [
      { type: 'thinking', content: 'secret thought' } as const,
      ...texts('Hello'),
      { type: 'tool_call', id: 't', name: 'look', arguments: { for: 'secret argument' } } as const,
    ];
    const lines = async (options: LoggingOptions): Promise<string> => {
      const logger = kept();
      const stop: Middleware = function stop(context, next) {
        return next().tap(({ type }) => type === 'tool_call' && context.interrupt('secret reason'));
      };
      const stack = [
        logging({ ...options, logger }),
        instant,
        stop,
        provider(model({ error: overloaded }, { chunks })),
      ];
      await new Pipeline(stack).execute('user', 'my secret question');
      return JSON.stringify(logger.lines);
    };
    const quiet = await lines({});
    const loud = await lines({ content: true });
    expect(said.filter((secret) => quiet.includes(secret))).toEqual([]);
    expect(said.filter((secret) => loud.includes(secret))).toEqual(said);
  });

  test('with content: the answer is what is left after resets', async () => {
    const logger = kept();
    const made = model(
      { chunks: [text('Never')], error: new SluiceError('network', 'Cut.') },
      { chunks: texts('Hello ', 'there') },
    );
    const stack = [
      logging({ logger, content: true }),
      retry({ backoff: constant(0), afterContent: 'reset' }),
      provider(made),
    ];
    await new Pipeline(stack).execute('user', 'Hi');
    const contents = logger.lines.map(([, message, { content }]) => [message, content]);
    expect(contents.filter(([, content]) => content !== undefined)).toEqual([
      ['attempt failed', 'Never'],
      ['attempt completed', 'Hello there'],
      ['execution completed', 'Hello there'],
    ]);
  });

  test('S1 no line contains an API key, whatever the server answers', async () => {
    const canary = 'sk-canary-0123456789abcdef';
    await using server = await faultServer();
    server.always(openaiError(401, { message: `Incorrect API key provided: ${canary}` }));
    const logger = kept();
    const real = openai({ model: 'gpt-5-mini', apiKey: canary, baseURL: server.openaiBaseURL });
    const pipeline = new Pipeline([logging({ logger, content: true }), provider(real)], { own: true });
    await expect(pipeline.execute('user', 'Hi')).rejects.toMatchObject({ status: 401 });
    await pipeline.shutdown();
    expect(logger.lines).toHaveLength(4);
    expect(JSON.stringify(logger.lines)).not.toContain('canary');
  });

  test('writes to the pipeline’s logger if there is one, else to the console', async () => {
    const info = vi.spyOn(console, 'info').mockImplementation(() => undefined);
    const debug = vi.spyOn(console, 'debug').mockImplementation(() => undefined);
    const logger = kept();
    const stack = [logging(), provider(model(answer))];
    await new Pipeline(stack, { logger }).execute('user', 'Hi');
    await new Pipeline(stack, { logger: silent }).execute('user', 'Hi');
    expect(info).not.toHaveBeenCalled();
    expect(logger.lines).toHaveLength(4);
    await new Pipeline(stack).execute('user', 'Hi');
    expect(info).toHaveBeenCalledTimes(3);
    for (const spy of [info, debug]) spy.mockRestore();
  });

  test('works with a real pino', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'debug' }, { write: (line) => lines.push(line) });
    await new Pipeline([logging({ logger }), provider(model(answer))]).execute('user', 'Hi');
    const parsed = lines.map((line) => JSON.parse(line));
    expect(parsed.map(({ msg, event }) => [msg, event])).toEqual([
      ['execution started', 'execution_start'],
      ['attempt started', 'attempt_start'],
      ['attempt completed', 'attempt_end'],
      ['execution completed', 'execution_end'],
    ]);
  });

  test.each<[unknown, string]>([
    [{ logger: { info: () => undefined } }, 'logger is an object: give an object with the methods'],
    [{ content: 'yes' }, 'content'],
    [{ level: 'loud' }, 'level'],
    [{ lines: 2 }, 'lines is not an option'],
    [{ content: true, maxCharacters: 0 }, 'maxCharacters is a number: give a number of at least 1'],
    [{ maxCharacters: 10 }, 'maxCharacters is a number: only used with content: true'],
  ])('refuses %j when it is made', (options, message) => {
    expect(() => Reflect.apply(logging, undefined, [options])).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining(message) }),
    );
  });
});

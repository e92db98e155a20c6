import { Pipeline, SluiceError, isVoided } from 'sluice';
import type { ExecutionChunk, ExecutionResult, Middleware, Provider, StreamChunk } from 'sluice';
import { constant } from 'sluice/kit';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import type { RetryOptions } from 'sluice/middleware/retry';
import { timeout } from 'sluice/middleware/timeout';
import { describe, expect, test } from 'vitest';
import { model, texts, usage } from '../models.ts';
import type { Answer, MadeModel } from '../models.ts';

const cut = (): SluiceError => new SluiceError('network', 'The connection was cut.');
const thinking = (content: string): StreamChunk => ({ type: 'thinking', content });
const toolCall: StreamChunk = { type: 'tool_call', id: 't1', name: 'look', arguments: {} };

interface Outcome {
  /** What the consumer saw, one word a chunk. */
  seen: string[];
  /** The text that it is left with. */
  text: string;
  result?: ExecutionResult;
  error?: SluiceError;
}

async function run(stack: Middleware[]): Promise<Outcome> {
  const stream = new Pipeline(stack).executeStream('user', 'Tell me');
  const outcome: Outcome = { seen: [], text: '' };
  let pieces: { call: number; text: string }[] = [];
  try {
    for await (const chunk of stream) {
      outcome.seen.push(wordFor(chunk));
      if (chunk.type === 'content') pieces.push({ call: chunk.call, text: chunk.content });
      if (chunk.type === 'reset') pieces = pieces.filter(({ call }) => !isVoided(chunk, call));
    }
    outcome.result = await stream.result;
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    outcome.error = error;
  }
  outcome.text = pieces.map(({ text }) => text).join('');
  return outcome;
}

function wordFor(chunk: ExecutionChunk): string {
  if (chunk.type === 'content') return chunk.content;
  if (chunk.type === 'thinking') return `(${chunk.content})`;
  if (chunk.type === 'reset') return `reset from ${chunk.from}: ${chunk.reason}`;
  return chunk.type;
}

function stack(made: Provider, options: RetryOptions): Middleware[] {
  return [retry({ backoff: constant(0), ...options }), provider(made)];
}

function failing(...chunks: StreamChunk[]): Answer {
  return { chunks, error: cut() };
}

describe('afterContent: fail', () => {
  test('R17 an attempt that delivered content is not repeated', async () => {
    const made = model(failing(...texts('Once ', 'upon')), { chunks: texts('Once ', 'upon ', 'a time') });
    const { seen, error } = await run(stack(made, {}));
    expect(seen).toEqual(['Once ', 'upon']);
    expect(error).toMatchObject({ code: 'network', attempts: 1, partial: { content: 'Once upon' } });
    expect(made.requests).toHaveLength(1);
  });

  test('R17 thinking counts as content', async () => {
    const made = model(failing(thinking('hm')), { chunks: texts('fine') });
    const { seen, error } = await run(stack(made, {}));
    expect([seen, error?.code, made.requests.length]).toEqual([['(hm)'], 'network', 1]);
  });
});

describe('afterContent: reset', () => {
  test('R17 voids what was delivered and starts again', async () => {
    const made = model(
      { error: cut() },
      failing(...texts('Once ', 'upon')),
      failing(thinking('hm'), ...texts('There ')),
      { chunks: texts('Once ', 'more'), reply: { usage: usage(3, 2) } },
    );
    const { seen, text, result } = await run(stack(made, { afterContent: 'reset' }));
    expect(seen).toEqual([
      'Once ',
      'upon',
      'reset from 2: network',
      '(hm)',
      'There ',
      'reset from 3: network',
      'Once ',
      'more',
      'done',
    ]);
    expect(text).toBe('Once more');
    expect(result?.response).toMatchObject({ content: 'Once more', thinking: '' });
    expect(result?.messages).toEqual([
      { role: 'user', content: 'Tell me' },
      { role: 'assistant', content: 'Once more' },
    ]);
    expect(made.requests.map(({ messages }) => messages.length)).toEqual([1, 1, 1, 1]);
  });

  test('the content stays if no further attempt delivers anything', async () => {
    const made = model(failing(...texts('Once ', 'upon')), { error: cut() });
    const { seen, error } = await run(stack(made, { afterContent: 'reset', maxRetries: 2 }));
    expect(seen).toEqual(['Once ', 'upon']);
    expect(error).toMatchObject({ code: 'network', attempts: 3, partial: { content: 'Once upon' } });
    expect(made.requests).toHaveLength(3);
  });

  test('an error that is not retried is thrown', async () => {
    const made = model({ chunks: texts('Once'), error: new SluiceError('content_filter', 'No.') });
    const { error } = await run(stack(made, { afterContent: 'reset' }));
    expect([error?.code, made.requests.length]).toEqual(['content_filter', 1]);
  });

  const tool: Middleware = async function* tool(context, next) {
    yield* next();
    yield { type: 'tool_result', id: 't1', name: 'look', content: 'a door', isError: false };
    const { messages } = context.request;
    return yield* next({ messages: [...messages, { role: 'user', content: 'Go on' }] });
  };

  test('resets past the results of tools', async () => {
    const made = model(
      { chunks: [toolCall] },
      failing(...texts('There is')),
      { chunks: [toolCall] },
      { chunks: texts('A door') },
    );
    const again = await run([retry({ backoff: constant(0), afterContent: 'reset' }), tool, provider(made)]);
    expect(again.seen).toContain('reset from 1: network');
    expect(again.result?.response.content).toBe('A door');
    expect(again.result?.response.toolCalls).toHaveLength(1);
  });

  test('R56 resets what a layer below has added by itself, which comes again', async () => {
    const greeting: Middleware = async function* greeting(_context, next) {
      yield { type: 'content', content: 'Well: ' };
      return yield* next();
    };
    const made = model(failing(...texts('no')), { chunks: texts('yes') });
    const { seen, text } = await run([
      retry({ backoff: constant(0), afterContent: 'reset' }),
      greeting,
      provider(made),
    ]);
    expect(seen).toEqual(['Well: ', 'no', 'reset from 1: network', 'Well: ', 'yes', 'done']);
    expect(text).toBe('Well: yes');
  });
});

describe('afterContent: continue', () => {
  test('R17 asks the model to continue, and the consumer reads one text', async () => {
    const made = model(
      failing(...texts('Once upon ', 'a time there')),
      { error: cut() },
      { chunks: texts('a ti', 'me there was', ' a frog'), reply: { usage: usage(30, 4) } },
    );
    const { seen, text, result } = await run(stack(made, { afterContent: 'continue' }));
    expect(seen).toEqual(['Once upon ', 'a time there', ' was', ' a frog', 'done']);
    expect(text).toBe('Once upon a time there was a frog');
    expect(result?.response.content).toBe(text);
    expect(result?.response.finishReason).toBe('stop');
    const asked = made.requests.map(({ messages }) => messages.map(({ role, content }) => [role, content]));
    expect(asked[2]).toEqual(asked[1]);
    expect(asked[1]).toEqual([
      ['user', 'Tell me'],
      ['assistant', 'Once upon a time there'],
      ['user', expect.stringContaining('exactly where it stopped')],
    ]);
  });

  test('the text is stored as one message of the session', async () => {
    const made = model(failing(...texts('Once upon')), { chunks: texts(' a time') }, { chunks: texts('ok') });
    const pipeline = new Pipeline(stack(made, { afterContent: 'continue' }));
    const first = await pipeline.executeWithContext('s', 'user', 'Tell me');
    expect(first.messages).toEqual([
      { role: 'user', content: 'Tell me' },
      { role: 'assistant', content: 'Once upon a time' },
    ]);
    await pipeline.executeWithContext('s', 'user', 'Thanks');
    const stored = made.requests[2]?.messages ?? [];
    expect(stored.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(stored[1]).toEqual({ role: 'assistant', content: 'Once upon a time' });
  });

  test('continues as often as maxRetries allows; then the error contains everything', async () => {
    const made = model(
      failing(...texts('one ')),
      failing(...texts('two ')),
      failing(...texts('two three ')),
      failing(...texts('three four')),
      { chunks: texts('never asked for') },
    );
    const { text, error } = await run(stack(made, { afterContent: 'continue' }));
    expect(text).toBe('one two three four');
    expect(error).toMatchObject({ attempts: 4, partial: { content: 'one two three four' } });
    expect(made.requests).toHaveLength(4);
    expect(made.requests[3]?.messages[1]).toEqual({ role: 'assistant', content: 'one two three ' });
  });

  test('R21 usage is summed over all attempts', async () => {
    const made = model(
      { ...failing(...texts('Once upon')), reply: { usage: usage(10, 2) } },
      { chunks: texts(' a time'), reply: { usage: usage(20, 3) } },
    );
    const counting: Provider = {
      ...made,
      stream: (request, call) => {
        if (made.requests.length === 0) call.call.usage = usage(10, 2);
        return made.stream(request, call);
      },
    };
    const { result } = await run(stack(counting, { afterContent: 'continue' }));
    expect(result?.usage).toMatchObject({
      inputTokens: 30,
      outputTokens: expect.any(Number),
      estimated: true,
    });
    expect(result?.usage.outputTokens).toBeGreaterThanOrEqual(5);
  });

  test('the prompt can be replaced', async () => {
    const made = model(failing(...texts('Once')), { chunks: texts(' upon') });
    await run(stack(made, { afterContent: 'continue', resumePrompt: (partial) => `After ${partial}?` }));
    expect(made.requests[1]?.messages.at(-1)).toEqual({ role: 'user', content: 'After Once?' });
  });

  test('a system prompt below it is not sent twice', async () => {
    const made = model(failing(...texts('Once')), { chunks: texts(' upon') });
    const below: Middleware = function below(context, next) {
      return next({ messages: [{ role: 'system', content: 'Be brief.' }, ...context.request.messages] });
    };
    await run([retry({ backoff: constant(0), afterContent: 'continue' }), below, provider(made)]);
    expect(made.requests[1]?.messages.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'user',
    ]);
  });

  test('the rest of an answer need not match the schema of the whole answer', async () => {
    const made = model(failing(...texts('{"a": ')), { chunks: texts('1}') });
    const result = await new Pipeline(stack(made, { afterContent: 'continue' })).execute('user', 'Tell me', {
      responseFormat: { type: 'json' },
    });
    expect(result.response.content).toBe('{"a": 1}');
    expect(made.requests.map(({ responseFormat }) => responseFormat?.type)).toEqual(['json', undefined]);
  });

  test('thinking without text starts again; thinking of the second part is not part of the answer', async () => {
    const made = model(failing(thinking('hm')), failing(thinking('aha'), ...texts('Once upon')), {
      chunks: [thinking('where was I'), ...texts(' a time')],
    });
    const { seen, result } = await run(stack(made, { afterContent: 'continue' }));
    expect(seen).toEqual(['(hm)', 'reset from 1: network', '(aha)', 'Once upon', ' a time', 'done']);
    expect(result?.response).toMatchObject({ thinking: 'aha', content: 'Once upon a time' });
  });

  test('cannot continue after a tool call', async () => {
    const made = model(failing(...texts('I look. '), toolCall), { chunks: texts('never') });
    const { seen, error } = await run(stack(made, { afterContent: 'continue' }));
    expect(seen).toEqual(['I look. ', 'tool_call']);
    expect([error?.code, made.requests.length]).toEqual(['network', 1]);
    expect(error?.partial?.toolCalls).toHaveLength(1);
  });

  const begun: StreamChunk = { type: 'tool_call_delta', id: 't1', name: 'look', argumentsDelta: '{"at":' };

  test.each([
    ['alone', [failing(begun)]],
    ['after text', [failing(...texts('I look. '), begun)]],
    ['in a part that continues another', [failing(...texts('I ')), failing(...texts('look. '), begun)]],
  ])('R17 cannot continue after a tool call that has only begun, %s', async (_where, answers) => {
    const made = model(...answers, { chunks: texts('never') });
    const { seen, error } = await run(stack(made, { afterContent: 'continue' }));
    expect([seen.at(-1), error?.code, made.requests.length]).toEqual([
      'tool_call_delta',
      'network',
      answers.length,
    ]);
  });

  test('a tool call of the second part is delivered after its text', async () => {
    const made = model(failing(...texts('I will ')), { chunks: [...texts('I will ', 'look'), toolCall] });
    const { seen } = await run(stack(made, { afterContent: 'continue' }));
    expect(seen).toEqual(['I will ', 'look', 'tool_call', 'done']);
  });

  test('what is held back at the end of the second part is delivered', async () => {
    const made = model(failing(...texts('two one two three')), { chunks: texts('one') });
    const { text } = await run(stack(made, { afterContent: 'continue' }));
    expect(text).toBe('two one two threeone');
  });
});

describe('places in the stack', () => {
  const upper: Middleware = async function* upper(_context, next) {
    for await (const chunk of next()) {
      yield chunk.type === 'content' ? { ...chunk, content: chunk.content.toUpperCase() } : chunk;
    }
  };

  test.each(['fail', 'reset', 'continue'] as const)(
    '%s works above and below other layers',
    async (afterContent) => {
      const first = afterContent === 'fail' ? { error: cut() } : failing(...texts('one ', 'two '));
      const answers = [
        first,
        { chunks: afterContent === 'continue' ? texts('two three') : texts('one two three') },
      ];
      const limit = timeout({ idleMs: 5_000 });
      const again = retry({ backoff: constant(0), afterContent });
      for (const layers of [
        [upper, again, limit],
        [limit, again, upper],
        [again, upper, limit],
        [upper, limit, again],
      ]) {
        const made: MadeModel = model(...answers);
        const { text, result } = await run([...layers, provider(made)]);
        expect([text, result?.response.content]).toEqual(['ONE TWO THREE', 'ONE TWO THREE']);
        expect(made.requests).toHaveLength(2);
      }
    },
  );

  test.each(['fail', 'reset', 'continue'] as const)(
    '%s closes the attempt under way with its reader',
    async (afterContent) => {
      const closed: string[] = [];
      const made = model({ chunks: texts('a', 'b', 'c'), closed: ({ code }) => closed.push(code) });
      const pipeline = new Pipeline(stack(made, { afterContent }), { streamBufferSize: 0 });
      const stream = pipeline.executeStream('user', 'Tell me');
      await stream.next();
      await stream.close();
      expect([closed, made.requests.length]).toEqual([['aborted'], 1]);
    },
  );

  test.each(['fail', 'reset', 'continue'] as const)(
    '%s makes no attempt after an interruption',
    async (afterContent) => {
      const made = model({ chunks: texts('a', 'b', 'c') });
      const stop: Middleware = function stop(context, next) {
        return next().tap(() => context.interrupt('enough'));
      };
      const options = { backoff: constant(0), afterContent, retryOn: () => true } as const;
      const { result } = await run([retry(options), stop, provider(made)]);
      expect([result?.outcome, result?.response.content, made.requests.length]).toEqual([
        'interrupted',
        'a',
        1,
      ]);
    },
  );

  test.each(['reset', 'continue'] as const)(
    '%s counts attempts that fail before and after content alike',
    async (afterContent) => {
      const made = model(failing(...texts('a')), { error: cut() }, failing(...texts('b')), { error: cut() });
      const asked: number[] = [];
      const backoff = (retry: number): number => {
        asked.push(retry);
        return 0;
      };
      const events: [attempt: number, afterContent: boolean][] = [];
      const options: RetryOptions = {
        backoff,
        afterContent,
        onRetry: (event) => events.push([event.attempt, event.afterContent]),
      };
      const { error } = await run(stack(made, options));
      expect([made.requests.length, asked, error?.attempts]).toEqual([4, [1, 2, 3], 4]);
      expect(events).toEqual([
        [1, true],
        [2, false],
        [3, true],
      ]);
    },
  );
});

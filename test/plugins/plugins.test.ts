import { Pipeline, SluiceError } from 'sluice';
import type { Middleware } from 'sluice';
import { constant } from 'sluice/kit';
import { provider, retry } from 'sluice/middleware';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { afterEach, expect, test, vi } from 'vitest';

import { cache } from './cache.ts';
import { callSpans } from './call-spans.ts';
import type { CallSpan } from './call-spans.ts';
import { circuitBreaker } from './circuit-breaker.ts';
import { fallback } from './fallback.ts';
import { redactor } from './redactor.ts';
import { toolLoop } from './tool-loop.ts';

afterEach(() => vi.useRealTimers());

const down = () => new SluiceError('server', 'It is down.', { status: 500 });
const again = (afterContent: 'reset' | 'continue') => retry({ afterContent, backoff: constant(0) });
const stackOver = (answers: ScriptedAnswer[], ...stack: Middleware[]) => {
  const model = scripted(answers);
  return { model, pipeline: new Pipeline([...stack, provider(model)]) };
};

const lookUp = { name: 'look_up', parameters: { type: 'object' }, run: () => 'A river.' };
const spare = provider(scripted('Spare', { repeat: true }));
const asks: ScriptedAnswer = { text: 'Let me see. ', toolCalls: [{ id: 'a', name: 'look_up' }] };

const plugins: Record<string, () => Middleware> = {
  cache: () => cache(),
  'tool loop': () => toolLoop([lookUp]),
  redactor: () => redactor('secret', 'password'),
  'circuit breaker': () => circuitBreaker(),
  'span a call': () => callSpans(() => undefined),
};

for (const [name, make] of Object.entries(plugins)) {
  for (const after of [0, 1]) {
    for (const mode of ['reset', 'continue'] as const) {
      // A text is not continued if tools were offered: see below.
      if (mode === 'continue' && after > 0 && name === 'tool loop') continue;
      test.each(['inside', 'outside'])(
        `R17 ${name} %s retry gives one text if the model fails after ${after} chunks, with ${mode}`,
        async (place) => {
          const rest = mode === 'continue' && after > 0 ? 'run down' : 'Rivers run down';
          const layers = place === 'inside' ? [again(mode), make()] : [make(), again(mode)];
          const { pipeline, model } = stackOver(
            [{ text: ['Rivers ', 'run '], error: down(), after }, rest],
            ...layers,
          );
          const { response } = await pipeline.execute('user', 'Hi');
          expect(response.content).toBe('Rivers run down');
          expect(model.calls).toHaveLength(2);
        },
      );
    }
  }
}

test.each(['inside', 'outside'])(
  'tool loop %s retry: a text is not continued, since it may have been on its way to a call',
  async (place) => {
    const loop = plugins['tool loop']?.();
    if (loop === undefined) throw new Error('no tool loop');
    const layers = place === 'inside' ? [again('continue'), loop] : [loop, again('continue')];
    const { pipeline, model } = stackOver(
      [{ text: ['Rivers ', 'run '], error: down(), after: 1 }],
      ...layers,
    );
    await expect(pipeline.execute('user', 'Hi')).rejects.toMatchObject({ partial: { content: 'Rivers ' } });
    expect(model.calls).toHaveLength(1);
  },
);

test('the cache replays thinking, tool calls and the finish reason without a call', async () => {
  const { pipeline, model } = stackOver(
    [{ thinking: 'Hm.', text: 'So: ', toolCalls: [{ name: 'look_up' }] }],
    cache(),
  );
  const first = await pipeline.execute('user', 'Hi');
  const second = await pipeline.execute('user', 'Hi');
  expect(second.response).toEqual(first.response);
  expect(second.response.finishReason).toBe('tool_calls');
  expect([second.usage.totalTokens, model.calls.length]).toEqual([0, 1]);
});

test('the cache between a tool loop and a retry replays each round of the loop', async () => {
  const { pipeline, model } = stackOver(
    [asks, { text: 'Half', error: down() }, 'Whole'],
    toolLoop([lookUp]),
    cache(),
    again('reset'),
  );
  const first = await pipeline.execute('user', 'Hi');
  const second = await pipeline.execute('user', 'Hi');
  expect(first.response.content).toBe('Let me see. Whole');
  expect([second.response, second.messages]).toEqual([first.response, first.messages]);
  expect(model.calls).toHaveLength(3);
});

test('the tool loop asks again with the result, and a retry inside it repeats one round alone', async () => {
  let runs = 0;
  const counted = { ...lookUp, run: () => `Result ${++runs}` };
  const { pipeline, model } = stackOver(
    [asks, { text: 'Half', error: down() }, 'Whole'],
    toolLoop([counted]),
    again('reset'),
  );
  const { response, messages } = await pipeline.execute('user', 'Hi');
  expect(response.content).toBe('Let me see. Whole');
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
  expect(model.requests[2]?.messages.at(-1)?.content).toEqual([
    { type: 'tool_result', id: 'a', name: 'look_up', content: 'Result 1', isError: false },
  ]);
});

test('the redactor finds a word in pieces, and keeps what it held back when the model fails', async () => {
  const pieces = { text: ['The pass', 'word is se', 'cret, ye'], error: down() };
  const { pipeline } = stackOver([pieces], redactor('secret', 'password'));
  const error: unknown = await pipeline.execute('user', 'Hi').catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'server', partial: { content: 'The *** is ***, ye' } });
});

test('the fallback keeps the text of the first model until the second one has some', async () => {
  const tryBoth = async (first: ScriptedAnswer, second: ScriptedAnswer) => {
    const models = [provider(scripted(first)), provider(scripted(second))] as const;
    const running = new Pipeline([fallback(...models)]).execute('user', 'Hi');
    return running.then(
      ({ response }) => response.content,
      (error: unknown) => error,
    );
  };
  const fails = (...text: string[]) => ({ text, error: down() });
  expect(await tryBoth(fails(), 'Second')).toBe('Second');
  expect(await tryBoth(fails('Fir'), 'Second')).toBe('Second');
  expect(await tryBoth(fails('Fir'), fails())).toMatchObject({ code: 'server', partial: { content: 'Fir' } });
  expect(await tryBoth(fails('Fir'), fails('Sec'))).toMatchObject({ partial: { content: 'Sec' } });
});

test.each(['reset', 'continue'] as const)(
  'the fallback inside retry with %s gives one text',
  async (mode) => {
    const { pipeline } = stackOver(
      [{ text: 'Fir', error: down() }],
      again(mode),
      fallback((_context, next) => next(), spare),
    );
    expect((await pipeline.execute('user', 'Hi')).response.content).toBe('Spare');
  },
);

test('the circuit breaker refuses after three failures, and tries again after its time', async () => {
  vi.useFakeTimers();
  const failing = { error: down() };
  const { pipeline, model } = stackOver(
    [failing, failing, failing, 'Back.'],
    circuitBreaker({ coolDownMs: 1_000 }),
  );
  const codes: unknown[] = [];
  for (let at = 0; at < 4; at++) {
    codes.push(await pipeline.execute('user', 'Hi').catch((error: unknown) => error));
  }
  expect(codes.map((error) => (error instanceof SluiceError ? error.code : error))).toEqual([
    ...['server', 'server', 'server', 'overloaded'],
  ]);
  expect(codes[3]).toMatchObject({ retryAfterMs: 1_000 });
  expect(model.calls).toHaveLength(3);
  vi.setSystemTime(Date.now() + 1_001);
  expect((await pipeline.execute('user', 'Hi')).response.content).toBe('Back.');
});

test('there is a span for each call, also for one that failed and was repeated', async () => {
  const spans: CallSpan[] = [];
  const exported = callSpans((span) => spans.push(span));
  const { pipeline } = stackOver([{ error: down() }, 'Whole'], exported, again('reset'));
  const { id } = await pipeline.execute('user', 'Hi');
  expect(spans.map(({ execution, outcome, errorCode }) => [execution, outcome, errorCode])).toEqual([
    [id, 'failed', 'server'],
    [id, 'completed', undefined],
  ]);
});

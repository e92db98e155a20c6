import { Pipeline, Stream } from 'sluice';
import type { Call, Parameters, Provider } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { describe, expect, test } from 'vitest';
import { model, text } from './models.ts';

describe('provider', () => {
  test('streams the model, given the request and the call', async () => {
    const made = model({ chunks: [text('Hello')], reply: { model: 'made-1-0925' } });
    const result = await new Pipeline([provider(made)]).execute('user', 'Hi');
    expect(result.response.content).toBe('Hello');
    expect([result.provider, result.model]).toEqual(['made', 'made-1-0925']);
    expect(made.requests[0]?.messages).toEqual([{ role: 'user', content: 'Hi' }]);
  });

  test('names provider and model on the call before the model is asked', async () => {
    const seen: unknown[] = [];
    const asked = (call: Call): void => void seen.push([call.provider, call.model]);
    const spy: Provider = {
      name: 'spy',
      model: 'spy-1',
      stream: (_request, { call }) => {
        asked(call);
        return Stream.from([text('ok')], { finishReason: 'stop' });
      },
    };
    const pipeline = new Pipeline([provider(spy)]);
    await pipeline.execute('user', 'Hi');
    await pipeline.execute('user', 'Hi', { model: 'spy-2' });
    expect(seen).toEqual([
      ['spy', 'spy-1'],
      ['spy', 'spy-2'],
    ]);
  });

  test('its parameters are defaults for those of the request, key by key', async () => {
    const made = model({ chunks: [text('ok')] });
    const defaults: Parameters = { temperature: 0, maxTokens: 100, reasoning: { effort: 'low' } };
    await new Pipeline([provider(made, defaults)]).execute('user', 'Hi', {
      parameters: { maxTokens: 5, reasoning: { summary: 'auto' } },
    });
    expect(made.requests[0]?.parameters).toEqual({
      temperature: 0,
      maxTokens: 5,
      reasoning: { summary: 'auto' },
    });
  });

  test('a parameter that is undefined in the request keeps the default', async () => {
    const made = model({ chunks: [text('ok')] });
    const { temperature }: Parameters = {};
    await new Pipeline([provider(made, { temperature: 1 })]).execute('user', 'Hi', {
      parameters: Object.fromEntries([['temperature', temperature]]),
    });
    expect(made.requests[0]?.parameters).toEqual({ temperature: 1 });
  });

  test('passes on the signal, the deadline and a way to warn', async () => {
    const made = model({ chunks: [text('ok')] });
    const before = Date.now();
    const original = made.stream.bind(made);
    const warning: Provider = {
      ...made,
      stream: (request, call) => {
        call.warn('temperature is not supported');
        return original(request, call);
      },
    };
    const result = await new Pipeline([provider(warning)]).execute('user', 'Hi', { timeoutMs: 9_000 });
    expect(result.warnings).toEqual(['temperature is not supported']);
    const call = made.calls[0];
    expect(call?.signal).toBeInstanceOf(AbortSignal);
    expect(call?.signal).toBe(call?.signal);
    expect(call?.deadline).toBeGreaterThanOrEqual(before + 9_000);
  });

  test('aborts the signal when the consumer closes', async () => {
    const log: string[] = [];
    const made = model({
      chunks: [text('a'), text('b')],
      wait: (signal) => {
        signal.addEventListener('abort', () => log.push('aborted'), { once: true });
        return Promise.resolve();
      },
      closed: (error) => log.push(`closed ${error.code}`),
    });
    const stream = new Pipeline([provider(made)], { streamBufferSize: 0 }).executeStream('user', 'Hi');
    await stream.next();
    await stream.close();
    expect(log).toEqual(['aborted', 'closed aborted']);
  });

  test('closes the model at the shutdown of a pipeline that owns it, and only then', async () => {
    const log: string[] = [];
    const closing = (name: string): Provider => ({
      ...model({ chunks: [text('ok')] }),
      close: () => {
        log.push(name);
        return Promise.resolve();
      },
    });
    await new Pipeline([provider(closing('kept'))]).shutdown();
    await new Pipeline([provider(closing('owned'))], { own: true }).shutdown();
    expect(log).toEqual(['owned']);
  });

  test.each([
    [undefined, 'no name, no model, no stream'],
    [{ name: 'x', model: 'y' }, 'no stream'],
    [{ name: '', model: 'y', stream: () => undefined }, 'no name'],
  ])('refuses %j as a provider when it is made', (value, lacks) => {
    expect(() => Reflect.apply(provider, undefined, [value])).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining(lacks) }),
    );
  });

  test('refuses parameters that are not an object', () => {
    expect(() => Reflect.apply(provider, undefined, [model(), 0.5])).toThrow(
      expect.objectContaining({
        code: 'invalid_options',
        message: expect.stringContaining('second argument'),
      }),
    );
  });
});

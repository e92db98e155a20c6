import { SluiceError, type Middleware } from 'sluice';
import { constant } from 'sluice/kit';
import { retry, timeout } from 'sluice/middleware';
import { contextWindow } from 'sluice/middleware/context-window';
import { cost } from 'sluice/middleware/cost';
import { scripted, type ScriptedAnswer, type ScriptedProvider } from 'sluice/testing';
import { describe, expect, test, vi } from 'vitest';
import { assistant, call, chat, pad, result, run, short, system, textsOf, tool, user } from './support.ts';
import { ASK, isSummary, pipelineOf, sentOf, summariesOf, summarizer } from './summaries.ts';

describe('summarize', () => {
  test('a conversation that fits is sent unchanged', async () => {
    const { sent, model } = await run(chat(3), { maxTokens: 999, strategy: 'summarize' });
    expect([sent.length, model.calls.length]).toEqual([7, 1]);
  });

  test('the model summarizes what does not fit, and about half of the window is free again', async () => {
    const model = summarizer();
    const { pipeline, cuts } = pipelineOf(model);
    await pipeline.execute([system('Be brief.'), ...chat(15)]);
    // 600 less 40 for the summary, 7 for the system and 24 for the newest turn: half of 529 holds 5 turns of 48.
    expect(sentOf(model)).toEqual(['s:Be brief', ASK, 'a:sum 1', ...chat(15).slice(-11).map(short)]);
    expect(cuts).toMatchObject([{ keptTurns: 6, droppedTurns: 10, summary: 'made', limit: 600 }]);
    expect(cuts[0]?.tokens).toBeLessThan(350);
  });

  test('the request for it contains the transcript, no tools, and no parameters but that none may be called', async () => {
    const model = summarizer();
    const { pipeline } = pipelineOf(model, { summary: { maxTokens: 40, model: 'small' } });
    const messages = [
      user('What is on the picture?'),
      {
        ...user([
          { type: 'text', text: 'This one' },
          { type: 'image', url: 'https://a/b.png' },
        ]),
        name: 'Ada',
      },
      assistant([{ type: 'thinking', text: 'secret thought' }, { type: 'text', text: 'I look.' }, call('a')]),
      tool(result('a', 'a cat')),
      assistant('A cat.'),
      ...chat(12),
    ];
    const tools = [{ name: 'look_up', parameters: { type: 'object' } }];
    await pipeline.execute(messages, {
      tools,
      model: 'large',
      responseFormat: { type: 'json' },
      parameters: { temperature: 0.3, toolChoice: 'required', maxTokens: 77 },
    });
    const [asked, answered] = model.requests;
    expect([asked?.model, asked?.parameters]).toEqual(['small', { toolChoice: 'none' }]);
    expect([asked?.tools, asked?.responseFormat]).toEqual([undefined, undefined]);
    expect(textsOf(asked?.messages)[1]).toContain(
      'User: What is on the picture?\n\nUser (Ada): This one\n[image]\n\n' +
        'Assistant: I look.\n[calls look_up with {"id":"a"}]\n\nTool: [look_up answered] a cat\n\nAssistant: A cat.\n\nUser: u1',
    );
    expect(textsOf(asked?.messages).join()).not.toContain('secret');
    expect(answered).toMatchObject({ model: 'large', tools, parameters: { maxTokens: 77 } });
  });

  test('its chunks are neither in the stream nor in the response, and its usage and cost count', async () => {
    const model = summarizer(() => ({ text: 'sum', usage: { inputTokens: 500, outputTokens: 50 } }));
    const costs: string[] = [];
    const prices = { scripted: { input: 1, output: 10 } };
    const priced = cost({
      prices,
      onCost: ({ call: { number }, cost: { totalUsd } }) => costs.push(`${number} ${totalUsd?.toFixed(6)}`),
    });
    const { pipeline } = pipelineOf(model, {}, { above: [priced] });
    const stream = pipeline.executeStream(chat(15));
    const chunks: string[] = [];
    for await (const chunk of stream) {
      if (chunk.type === 'content') chunks.push(chunk.content);
      expect(chunk.call).toBe(chunk.type === 'done' ? 0 : 2);
    }
    const { response, messages, usage, cost: sum, trace } = await stream.result;
    expect(chunks.join('')).toBe(pad('answer'));
    expect(response.content).toBe(pad('answer'));
    expect(messages).toHaveLength(chat(15).length + 1);
    expect(usage).toMatchObject({ inputTokens: 512, outputTokens: 58 });
    expect(costs).toEqual(['1 0.001000', '2 0.000092']);
    expect(sum.totalUsd).toBeCloseTo(0.001092, 12);
    expect(trace.map(({ kind, attributes }) => [kind, attributes['purpose']])).toEqual([
      ['execution', undefined],
      ['call', 'summary'],
      ['call', undefined],
    ]);
  });

  test('is stored with the session, reused on later turns, and extended when more turns are dropped', async () => {
    const model = summarizer();
    const { pipeline, cuts } = pipelineOf(model);
    const made: number[] = [];
    for (let turn = 1; turn <= 40; turn++) {
      await pipeline.executeWithContext('s', 'user', pad(`q${turn}`));
      made.push(summariesOf(model).length);
      expect(cuts.at(-1)?.tokens ?? 0).toBeLessThanOrEqual(600);
    }
    // The window holds 12 turns and a question; from then on there is a call each 7 turns.
    expect([made[12], made[13], made[19], made[20], made.at(-1)]).toEqual([0, 1, 1, 2, 4]);
    expect(new Set(cuts.map(({ summary }) => summary))).toEqual(new Set(['made', 'reused']));
    const [, second] = summariesOf(model);
    const [, transcript = ''] = textsOf(second?.messages);
    expect(transcript.startsWith('<summary>\nsum 1\n</summary>\n\n<transcript>\nUser: q')).toBe(true);
    // Each message is condensed once, in order.
    const told = summariesOf(model).flatMap(({ messages }) => textsOf(messages)[1]?.match(/q\d+/g) ?? []);
    expect(told).toEqual(told.map((_, at) => `q${at + 1}`));
    const kept = sentOf(model).filter((line) => line.startsWith('u:q'));
    expect(kept[0]).toBe(`u:q${told.length + 1}`);
    expect(sentOf(model).slice(0, 2)).toEqual([ASK, 'a:sum 4']);
  });

  test('a summary is kept if the turn fails', async () => {
    const model = scripted(
      (request, number) =>
        isSummary(request) ? 'sum' : number === 2 ? 'ok' : { error: new SluiceError('server', 'Down.') },
      { repeat: true },
    );
    const { pipeline } = pipelineOf(model);
    await pipeline.executeWithContext('s', chat(15));
    for (let turn = 0; turn < 2; turn++)
      await expect(pipeline.executeWithContext('s', 'user', 'more')).rejects.toMatchObject({
        code: 'server',
      });
    expect(summariesOf(model)).toHaveLength(1);
  });

  test('maxMessages leaves room for half of the messages', async () => {
    const model = summarizer();
    const { pipeline } = pipelineOf(model, { maxTokens: 9_999, maxMessages: 10 });
    await pipeline.execute(chat(6));
    expect(sentOf(model)).toEqual([ASK, 'a:sum 1', 'u:u5', 'a:a5', 'u:u6', 'a:a6', 'u:u']);
  });

  test('without a session each execution makes its own summary', async () => {
    const model = summarizer();
    const { pipeline } = pipelineOf(model);
    for (let at = 0; at < 2; at++) await pipeline.execute(chat(15));
    expect(summariesOf(model).map((request) => textsOf(request.messages)[1]?.includes('<summary>'))).toEqual([
      false,
      false,
    ]);
  });

  test('a summary that is too long is shortened', async () => {
    const model = summarizer(() => 'word '.repeat(400));
    const { pipeline, cuts } = pipelineOf(model);
    await pipeline.execute(chat(15));
    const [, summary] = model.requests.at(-1)?.messages ?? [];
    expect(textsOf(summary === undefined ? [] : [summary])[0]?.length).toBeLessThanOrEqual(160);
    expect(cuts[0]?.tokens).toBeLessThanOrEqual(600);
  });

  test('a summary that does not end is not read to its end', async () => {
    const model = summarizer(() => ({
      text: Array.from({ length: 200 }, () => 'word '.repeat(4)),
      batchSize: 1,
    }));
    const { pipeline, cuts } = pipelineOf(model);
    const { response, usage } = await pipeline.execute(chat(15));
    expect(response.content).toBe(pad('answer'));
    // 16 characters for each of 40 tokens.
    expect(model.calls.map(({ state, chunks }) => [state, chunks])).toEqual([
      ['closed', 33],
      ['completed', expect.any(Number)],
    ]);
    expect([cuts[0]?.summary, usage.estimated]).toEqual(['made', true]);
  });

  test('the oldest part of a transcript that does not fit is left out, with a warning', async () => {
    const model = summarizer();
    const { pipeline } = pipelineOf(model);
    const { warnings } = await pipeline.execute([...chat(100)]);
    const [, transcript = ''] = textsOf(summariesOf(model)[0]?.messages);
    expect(transcript).toContain('User: u95');
    expect(transcript).not.toContain('User: u1|');
    expect(transcript.length / 4).toBeLessThan(600);
    expect(warnings).toEqual([
      'contextWindow: a summary leaves out the oldest part of what did not fit the window.',
    ]);
  });
});

describe('a summary that cannot be made', () => {
  test.each<[string, ScriptedAnswer]>([
    ['empty', { text: ' \n' }],
    ['refused', { text: 'I cannot help with that.', finishReason: 'refusal' }],
    ['filtered', { error: new SluiceError('content_filter', 'No.'), after: 0 }],
    ['too long for the model', { error: new SluiceError('context_length', 'Too long.'), after: 0 }],
  ])('%s: older turns are left out, with a warning', async (_, reply) => {
    const messages = chat(13);
    const {
      sent,
      cuts,
      result: { response, warnings },
    } = await run(messages, { maxTokens: 600, strategy: 'summarize', summary: { maxTokens: 40 } }, [
      reply,
      'ok',
    ]);
    expect(response.content).toBe('ok');
    expect(sent).toEqual(messages.slice(-25).map(short));
    expect(cuts).toMatchObject([{ summary: 'none', droppedTurns: 1 }]);
    expect(warnings).toEqual([
      'contextWindow: older turns were left out without a summary: the model gave none.',
    ]);
  });

  test('the window has no room for a transcript: no call is made, and none is blamed on the model', async () => {
    const instructions = 'x'.repeat(4 * 590);
    const { model, result } = await run(chat(13), {
      maxTokens: 600,
      strategy: 'summarize',
      summary: { maxTokens: 40, instructions },
    });
    expect(model.calls).toHaveLength(1);
    expect(result.warnings).toEqual([
      'contextWindow: older turns were left out without a summary: there is no room for what it would be made of.',
    ]);
  });

  test('a transcript that was cut for a summary that the model did not give is not warned of', async () => {
    const { result } = await run(
      chat(100),
      { maxTokens: 600, strategy: 'summarize', summary: { maxTokens: 40 } },
      [{ text: '' }, 'ok'],
    );
    expect(result.warnings).toEqual([
      'contextWindow: older turns were left out without a summary: the model gave none.',
    ]);
  });

  test('the earlier one is still used', async () => {
    const model = summarizer((n) => (n === 1 ? 'sum 1' : { text: '' }));
    const { pipeline, cuts } = pipelineOf(model);
    for (let turn = 1; turn <= 24; turn++) await pipeline.executeWithContext('s', 'user', pad(`q${turn}`));
    expect(sentOf(model).slice(0, 2)).toEqual([ASK, 'a:sum 1']);
    expect(cuts.at(-1)).toMatchObject({ summary: 'reused' });
    expect(cuts.at(-1)?.tokens).toBeLessThanOrEqual(600);
  });

  test.each(['server', 'rate_limited', 'authentication', 'budget'] as const)(
    'an error of code %s is that of the execution',
    async (code) => {
      const failing = run(chat(15), { maxTokens: 600, strategy: 'summarize' }, [
        { error: new SluiceError(code, 'No.') },
        'never',
      ]);
      await expect(failing).rejects.toMatchObject({ code });
    },
  );

  test('there is no room beside the newest turn', async () => {
    const {
      sent,
      model,
      result: { warnings },
    } = await run([...chat(5).slice(0, -1), user('x'.repeat(4 * 560))], {
      maxTokens: 600,
      strategy: 'summarize',
    });
    expect([sent.length, model.calls.length]).toEqual([1, 1]);
    expect(warnings).toEqual([
      'contextWindow: older turns were left out without a summary: there is no room for one.',
    ]);
  });

  test('the newest turn alone does not fit: no call is made for a summary', async () => {
    const model = summarizer();
    const { pipeline } = pipelineOf(model);
    const messages = [...chat(5).slice(0, -1), user('x'.repeat(4 * 700))];
    await expect(pipeline.execute(messages)).rejects.toMatchObject({ code: 'context_length' });
    expect(model.calls).toEqual([]);
  });

  test('ends with the execution', async () => {
    const model = scripted({ hang: true });
    const { pipeline } = pipelineOf(model);
    const controller = new AbortController();
    const failing = pipeline.execute(chat(15), { signal: controller.signal });
    const { request } = await model.nextCall();
    expect(isSummary(request)).toBe(true);
    controller.abort();
    await expect(failing).rejects.toMatchObject({ code: 'aborted' });
    expect(model.calls.map(({ state }) => state)).toEqual(['closed']);
  });
});

describe('its place in the stack', () => {
  const flaky = (): ScriptedProvider => {
    let summaries = 0;
    let answers = 0;
    const busy = { error: new SluiceError('overloaded', 'Busy.', { status: 529 }), after: 0 };
    return scripted(
      (request) =>
        isSummary(request) ? (++summaries === 1 ? busy : `sum ${summaries}`) : ++answers < 3 ? busy : 'ok',
      { repeat: true },
    );
  };
  const again = (): Middleware => retry({ backoff: constant(0) });

  test.each<[string, { above?: Middleware[]; below?: Middleware[] }]>([
    ['inside retry', { above: [again()] }],
    ['outside retry', { below: [again()] }],
    [
      'inside retry and a layer that makes each request anew',
      {
        above: [again(), (context, next) => next({ messages: [system('S'), ...context.request.messages] })],
      },
    ],
  ])('%s: retried like any call, and made once', async (_, where) => {
    const model = flaky();
    const { pipeline } = pipelineOf(model, {}, where);
    const { response } = await pipeline.execute(chat(15));
    expect(response.content).toBe('ok');
    expect(summariesOf(model).map((_request, at) => at + 1)).toEqual([1, 2]);
    expect(sentOf(model)).toContain('a:sum 2');
    expect(model.calls.map(({ state }) => state)).toEqual([
      'failed',
      'completed',
      'failed',
      'failed',
      'completed',
    ]);
  });

  test('a window inside a window does not add a second summary', async () => {
    const model = summarizer();
    const inner = contextWindow({ maxTokens: 600, strategy: 'summarize', counter: 'heuristic' });
    const { pipeline } = pipelineOf(model, {}, { below: [inner] });
    await pipeline.executeWithContext('s', chat(15));
    await pipeline.executeWithContext('s', 'user', 'more');
    expect(sentOf(model).filter((line) => line === ASK)).toHaveLength(1);
    expect(summariesOf(model)).toHaveLength(1);
  });

  test('the layers below also apply to its call', async () => {
    vi.useFakeTimers();
    try {
      const model = scripted({ hang: true });
      const { pipeline } = pipelineOf(model, {}, { below: [timeout({ firstChunkMs: 5_000 })] });
      const failing = pipeline.execute(chat(15)).catch((thrown: unknown) => thrown);
      await model.nextCall();
      await vi.advanceTimersByTimeAsync(5_000);
      expect(await failing).toMatchObject({ code: 'timeout', phase: 'first_chunk' });
    } finally {
      vi.useRealTimers();
    }
  });
});

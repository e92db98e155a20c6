import { Pipeline, SluiceError, contextKey } from 'sluice';
import type { ExecutionOptions, Middleware, Span } from 'sluice';
import { provider } from 'sluice/middleware';
import { output } from 'sluice/middleware/output';
import { agentTool, tool, tools } from 'sluice/middleware/tools';
import type { AgentOptions, Tool, ToolsOptions } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { describe, expect, expectTypeOf, onTestFinished, test, vi } from 'vitest';
import * as z from 'zod';
import { agent, ask } from './agent-stage.ts';
import { calling, play, resultsIn, withoutDeltas } from './stage.ts';
import type { Played } from './stage.ts';

/** Plays a loop that calls an agent once. */
const playAgent = (
  made: Tool,
  settings: ToolsOptions = {},
  options: ExecutionOptions = {},
): Promise<Played> => play(tools([made], settings), [ask(), 'done'], options);

const told = ({ sent }: Played): string => resultsIn(sent.at(-1)).join();

describe('agentTool()', () => {
  test('asks a pipeline with the prompt of the call, and gives the text of its answer', async () => {
    const { made, model } = agent(['An answer.']);
    const played = await playAgent(made);
    expect(model.requests[0]?.messages).toEqual([{ role: 'user', content: 'Help.' }]);
    expect(withoutDeltas(played.seen)).toEqual(['call 0_0 agent', 'result 0_0 An answer.', 'done', 'done']);
    expect(told(played)).toBe('ok 0_0 An answer.');
    expect(played.model.requests[0]?.tools?.[0]).toMatchObject({
      name: 'agent',
      description: 'Helps',
      parameters: { type: 'object', required: ['prompt'] },
    });
  });

  test('gives the last message, not what was said before the calls of the agent', async () => {
    const t = tool({ name: 't', description: 'Gives', input: z.object({}), execute: () => 'given' });
    const first = { text: 'Let me see.', toolCalls: [{ name: 't', arguments: {} }] };
    const { made } = agent([first, 'An answer.'], {}, [tools([t])]);
    expect(told(await playAgent(made))).toBe('ok 0_0 An answer.');
  });

  test('takes a schema with a function that makes messages, and a function that picks the result', async () => {
    const model = scripted(['Four.']);
    const made = agentTool(new Pipeline([provider(model)]), {
      name: 'agent',
      description: 'Adds',
      input: z.object({ a: z.number(), b: z.number().default(2) }),
      messages: ({ a, b }) => [
        { role: 'system', content: 'Add.' },
        { role: 'user', content: `${a} + ${b}` },
      ],
      result: ({ response, usage }) => ({ said: response.content, tokens: usage.totalTokens }),
    });
    expectTypeOf(made).toEqualTypeOf<Tool<{ a: number; b: number }, { said: string; tokens: number }>>();
    const played = await play(tools([made]), [calling(['agent', { a: 2 }]), 'done']);
    expect(model.requests[0]?.messages.map(({ content }) => content)).toEqual(['Add.', '2 + 2']);
    expect(told(played)).toBe('ok 0_0 {"said":"Four.","tokens":20}');
  });

  test('gives the checked output of its schema', async () => {
    const city = z.object({ name: z.string(), founded: z.iso.date().transform((day) => day.slice(0, 4)) });
    const text = '{"name":"Rome","founded":"0753-04-21"}';
    const model = scripted(['{"name":7}', text, text, '{"name":7}', '{"name":7}'], {
      output: { dialect: 'openai', native: 'with-tools', tools: 'forced' },
    });
    const pipeline = new Pipeline([output({ repair: 1 }), provider(model)]);
    const made = agentTool(pipeline, { name: 'agent', description: 'Knows', output: city });
    expectTypeOf(made).toEqualTypeOf<Tool<{ prompt: string }, { name: string; founded: string }>>();
    expect(told(await playAgent(made))).toBe('ok 0_0 {"name":"Rome","founded":"0753"}');
    expect(model.requests[0]?.responseFormat).toMatchObject({ type: 'json_schema', strict: true });
    const named = agentTool(pipeline, {
      ...{ name: 'agent', description: 'Knows', output: city },
      result: (result) => city.shape.name.parse(JSON.parse(result.response.content).name),
    });
    expectTypeOf(named).toEqualTypeOf<Tool<{ prompt: string }, string>>();
    expect(told(await playAgent(named))).toBe('ok 0_0 Rome');
    const failed = told(await playAgent(made));
    expect(failed).toMatch(/^error 0_0 .*does not match the schema: name: /);
    expect(failed).toContain('expected string');
  });

  test('takes an output only if its pipeline sees to it', async () => {
    const pipeline = new Pipeline([provider(scripted(['{}']))]);
    const made = agentTool(pipeline, { name: 'agent', description: 'Knows', output: z.object({}) });
    expect(await playAgent(made)).toMatchObject({
      error: {
        code: 'invalid_options',
        message: expect.stringContaining('put output() of sluice/middleware/output above provider()'),
      },
    });
  });

  test('infers the types of the usual input and result', () => {
    expectTypeOf(agent(['.']).made).toEqualTypeOf<Tool>();
    const pipeline = new Pipeline([provider(scripted([]))]);
    const made = agentTool(pipeline, { name: 'agent', description: 'Helps' });
    expectTypeOf(made).toEqualTypeOf<Tool<{ prompt: string }, string>>();
  });

  test.each<[string, unknown, unknown, RegExp]>([
    ['no pipeline', 'agent', { name: 'a', description: 'A' }, /pipeline is a string: give a Pipeline/],
    ['a bad name', undefined, { name: 'a b', description: 'A' }, /the name of a tool/],
    ['an unknown option', undefined, { name: 'a', description: 'A', execute: 1 }, /execute is not an option/],
    [
      'a schema of the output that cannot be sent',
      undefined,
      { name: 'a', description: 'A', output: z.object({ at: z.date() }) },
      /^The agent a: output: properties.at cannot be sent: Date/,
    ],
    [
      'no schema of the output',
      undefined,
      { name: 'a', description: 'A', output: 1 },
      /give a schema of zod/,
    ],
    [
      'a schema without messages',
      undefined,
      { name: 'a', description: 'A', input: z.object({}) },
      /messages is undefined: give a function/,
    ],
  ])('refuses %s', (_what, pipeline = new Pipeline([provider(scripted([]))]), options, message) => {
    const made = (): unknown => Reflect.apply(agentTool, undefined, [pipeline, options]);
    expect(made).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringMatching(message) }),
    );
  });

  test('has a fingerprint that changes with its version', () => {
    const prints = ['1', '1', '2', undefined].map((version) => agent([], { version }).made.fingerprint);
    expect(prints[0]).toBe(prints[1]);
    expect(new Set(prints).size).toBe(3);
  });

  test('gives its own tools to whoever looks for them', () => {
    const t = tool({ name: 't', description: 'Gives', input: z.object({}), execute: () => 'given' });
    const { made } = agent([], {}, [tools([t])]);
    expect(made.inner?.().get('t')).toBe(t);
    expect([...(agent([]).made.inner?.() ?? [])]).toEqual([]);
    expect(t.inner).toBeUndefined();
  });
});

describe('an agent that gives no answer', () => {
  const failure = new SluiceError('invalid_request', 'The model is unknown.');

  test('that fails is an error result', async () => {
    const played = await playAgent(agent([{ error: failure }]).made);
    expect(told(played)).toBe('error 0_0 The tool failed: The model is unknown.');
    expect(played.result?.outcome).toBe('completed');
  });

  test('that fails ends the execution if errors of tools do', async () => {
    const { error } = await playAgent(agent([{ error: failure }]).made, { onError: 'throw' });
    expect(error).toMatchObject({ code: 'tool', message: expect.stringContaining('The model is unknown.') });
  });

  test('that is interrupted is an error result with what it said', async () => {
    const stops: Middleware = function stops(context, next) {
      return next().tap((chunk) => {
        if (chunk.type === 'content' && chunk.content === 'is ') context.interrupt('enough');
      });
    };
    const played = await playAgent(agent(['This is cut.'], {}, [stops]).made);
    expect(told(played)).toBe(
      'error 0_0 The tool failed: The agent agent was interrupted: enough. It said: This is',
    );
  });

  test.each([
    ['length', 'was cut off at its longest length'],
    ['content_filter', 'was stopped by a filter'],
    ['refusal', 'is a refusal'],
  ] as const)('whose reply ends by %s is an error result with what it said', async (finishReason, why) => {
    const played = await playAgent(agent([{ text: 'Half an', finishReason }]).made);
    expect(told(played)).toBe(
      `error 0_0 The tool failed: The agent agent answered, but the answer ${why}. It said: Half an`,
    );
  });

  test('that takes longer than its time is an error result', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const { made, model } = agent([{ hang: true }], { timeoutMs: 60_000 });
    const playing = playAgent(made);
    await model.nextCall();
    await vi.advanceTimersByTimeAsync(60_000);
    const played = await playing;
    expect(told(played)).toMatch(/^error 0_0 The tool failed: .*when its time was over/);
    expect(model.calls[0]?.state).toBe('closed');
  });

  test('because its settings are wrong ends the execution: the model can do nothing about them', async () => {
    const { error } = await playAgent(
      agentTool(() => new Pipeline([]), { name: 'agent', description: 'Helps' }),
    );
    expect(error).toMatchObject({ code: 'invalid_options', message: expect.stringContaining('empty array') });
  });
});

describe('an agent runs as part of the execution', () => {
  test('it is cancelled with it', async () => {
    const { made, model } = agent([{ text: 'Thinking', hang: true }]);
    const outer = scripted([ask()]);
    const pipeline = new Pipeline([tools([made]), provider(outer)]);
    const controller = new AbortController();
    const running = pipeline.execute('user', 'Go on.', { signal: controller.signal });
    const call = await model.nextCall();
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'aborted' });
    expect(call.signal.aborted).toBe(true);
    expect(call.state).toBe('closed');
    expect(outer.calls).toHaveLength(1);
  });

  test('it is cancelled when another call of the round fails, if that is wanted', async () => {
    const { made, model } = agent([{ text: 'Thinking', hang: true }]);
    const fails = tool({
      name: 'fails',
      description: 'Fails',
      input: z.object({}),
      execute: async () => {
        await model.nextCall();
        throw new Error('broken');
      },
    });
    const outer = scripted([calling(['agent', { prompt: 'Help.' }], ['fails', {}]), 'done']);
    const pipeline = new Pipeline([tools([made, fails], { cancelOnError: true }), provider(outer)]);
    await pipeline.execute('user', 'Go on.');
    expect(resultsIn(outer.requests[1]?.messages)).toEqual([
      'error 0_0 The tool was stopped before its end. It may have taken effect.',
      'error 0_1 The tool failed: broken',
    ]);
    expect(model.calls[0]?.state).toBe('closed');
  });

  test('it has no more time than the execution, which ends it', async () => {
    const seen: (number | undefined)[] = [];
    const looks: Middleware = function looks(context, next) {
      seen.push(context.deadline);
      return next();
    };
    const deadline = Date.now() + 60_000;
    await playAgent(agent(['An answer.'], {}, [looks]).made, {}, { deadline });
    expect(seen).toEqual([deadline]);
  });

  test('its model calls are in the usage of the execution once, and not in the calls of its layers', async () => {
    const counted: number[] = [];
    const counts: Middleware = function counts(_context, next) {
      return next().tap({ call: ({ number }) => void counted.push(number) });
    };
    const { made } = agent(['An answer.']);
    const { result } = await play([counts, tools([made])], [ask(), 'done']);
    expect(result?.usage.totalTokens).toBe(60);
    expect(counted).toEqual([1, 2]);
  });

  test('its usage is counted if it failed, too', async () => {
    const { made } = agent([{ error: new SluiceError('server', 'Broken.'), usage: {} }]);
    const { result } = await playAgent(made);
    expect(result?.usage.totalTokens).toBe(60);
  });

  test('its spans hang under that of the call', async () => {
    const { made } = agent(['An answer.']);
    const ended: string[] = [];
    const listens: Middleware = function listens(context, next) {
      context.trace.onSpan({ end: ({ kind, name }) => ended.push(`${kind} ${name}`) });
      return next();
    };
    const { result } = await play([listens, tools([made])], [ask(), 'done']);
    expect(treeOf(result?.trace ?? [])).toEqual([
      'execution execution',
      '  call scripted',
      '  tool agent',
      '    execution execution',
      '      call scripted',
      '  call scripted',
    ]);
    expect(ended).toEqual([
      'call scripted',
      'call scripted',
      'execution execution',
      'tool agent',
      'call scripted',
      'execution execution',
    ]);
    expect(result?.trace.every(({ durationMs }) => durationMs !== undefined)).toBe(true);
  });

  test('its warnings are warnings of the execution', async () => {
    const warns: Middleware = function warns(context, next) {
      context.warn('Careful.');
      return next();
    };
    const { result } = await playAgent(agent(['An answer.'], {}, [warns]).made);
    expect(result?.warnings).toEqual(['Careful.']);
  });

  test('it has the values that were given to the execution, and none that its layers have made', async () => {
    const Tenant = contextKey<string>('tenant');
    const Made = contextKey<string>('made');
    const seen: unknown[] = [];
    const looks: Middleware = function looks(context, next) {
      seen.push([context.get(Tenant), context.get(Made)]);
      return next();
    };
    const makes: Middleware = function makes(context, next) {
      context.set(Made, 'by a layer');
      return next();
    };
    const inner = agent([ask('deep'), 'An answer.'], {}, [
      looks,
      tools([agent(['Deep.'], { name: 'deep' }, [looks]).made]),
    ]);
    const values = [Tenant.with('acme')];
    await play([makes, looks, tools([inner.made])], [ask(), 'done'], { values });
    expect(seen).toEqual([
      ['acme', 'by a layer'],
      ['acme', undefined],
      ['acme', undefined],
    ]);
  });

  test('it reports its chunks if it is asked to', async () => {
    const t = tool({ name: 't', description: 'Gives', input: z.object({}), execute: () => 'given' });
    const layers = [tools([t])];
    const progress: AgentOptions['progress'] = (chunk) =>
      chunk.type === 'content' || chunk.type === 'tool_result' ? [chunk.type, chunk.content] : undefined;
    const some = await playAgent(agent([calling(['t', {}]), 'Two words'], { progress }, layers).made);
    expect(some.seen.filter((word) => word.startsWith('progress'))).toEqual([
      'progress 0_0 ["tool_result","given"]',
      'progress 0_0 ["content","Two "]',
      'progress 0_0 ["content","words"]',
    ]);
    const all = await playAgent(agent(['Two words'], { progress: true }).made);
    const data = all.chunks.flatMap((chunk) => (chunk.type === 'tool_progress' ? [chunk.data] : []));
    expect(data).toEqual([
      { type: 'content', content: 'Two ', call: 1, index: 0 },
      { type: 'content', content: 'words', call: 1, index: 1 },
    ]);
  });

  test('its calls have ids of their own', async () => {
    const ids: string[] = [];
    const t = tool({
      name: 't',
      description: 'Gives',
      input: z.object({}),
      execute: (_input, { callId }) => void ids.push(callId),
    });
    const inner = (): Tool => agent([calling(['t', {}], ['t', {}]), 'An answer.'], {}, [tools([t])]).made;
    const [one, other] = [inner(), { ...inner(), name: 'other' }];
    const first = calling(['agent', { prompt: 'A' }], ['other', { prompt: 'B' }], ['t', {}]);
    const { error } = await play(tools([one, other, t]), [first, 'done']);
    expect(error).toBeUndefined();
    expect(ids).toHaveLength(5);
    expect(new Set(ids).size).toBe(5);
    for (const id of ids) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
  });
});

/** The names of spans, indented by their depth. */
function treeOf(spans: readonly Span[]): string[] {
  const depthOf = ({ parentId }: Span): number => {
    const parent = spans.find(({ id }) => id === parentId);
    return parent === undefined ? 0 : 1 + depthOf(parent);
  };
  return spans.map((span) => `${'  '.repeat(depthOf(span))}${span.kind} ${span.name}`);
}

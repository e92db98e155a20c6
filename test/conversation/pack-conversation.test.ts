import { describe, expect, test } from 'vitest';
import { MemoryStore, SluiceError, contextKey } from 'sluice';
import type { Middleware, ModelRequest } from 'sluice';
import { openConversation } from 'sluice/conversation';
import type { PackConversationOptions } from 'sluice/conversation';
import { manualGate, scripted } from 'sluice/testing';
import { refusal } from '../cases/refusal.ts';
import { optional, pack, packJson, required } from './packs.ts';
import type { Json } from './packs.ts';

const model = () => scripted('ok', { repeat: true });

/** The system prompt of a request. */
const systemOf = (request: ModelRequest | undefined): unknown =>
  request?.messages.find(({ role }) => role === 'system')?.content;

function opened(prompt: Json, options: Partial<PackConversationOptions> = {}, rest: Json = {}) {
  const provider = model();
  const conversation = openConversation({ pack: pack(prompt, rest), prompt: 'chat', provider, ...options });
  return { provider, conversation };
}

const name = { system_template: 'You talk to {{name}}.', variables: [required('name')] };

describe('the prompt of a pack', () => {
  test('is sent before the conversation in every turn, and is not stored', async () => {
    const { provider, conversation } = opened(name, { variables: { name: 'Ada' } });
    await conversation.send('one');
    const { messages } = await conversation.send('two');
    expect(provider.requests.map((request) => request.messages.map(({ role }) => role))).toEqual([
      ['system', 'user'],
      ['system', 'user', 'assistant', 'user'],
    ]);
    expect(provider.requests.map(systemOf)).toEqual(['You talk to Ada.', 'You talk to Ada.']);
    expect((await conversation.history()).map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'user',
      'assistant',
    ]);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
  });

  test('sets its parameters; those of the call override them, key by key', async () => {
    const { provider, conversation } = opened({
      parameters: {
        temperature: 0.2,
        max_tokens: 100,
        top_p: 0.9,
        frequency_penalty: 1,
        presence_penalty: -1,
      },
    });
    await conversation.send('x');
    await conversation.send('x', { parameters: { maxTokens: 5, seed: 1, temperature: undefined } });
    const all = { temperature: 0.2, maxTokens: 100, topP: 0.9, frequencyPenalty: 1, presencePenalty: -1 };
    expect(provider.requests.map(({ parameters }) => parameters)).toEqual([
      all,
      { ...all, maxTokens: 5, seed: 1 },
    ]);
  });

  test('has overrides for the model that the call or the provider names', async () => {
    const { provider, conversation } = opened({
      system_template: 'Base {{x}}',
      variables: [optional('x', { default: '1' })],
      parameters: { temperature: 1, max_tokens: 9 },
      model_overrides: {
        scripted: {
          system_template_prefix: '<{{x}}> ',
          system_template_suffix: ' end',
          parameters: { temperature: 0 },
        },
        other: { system_template: 'Another' },
      },
    });
    for (const options of [{}, { model: 'other' }, { model: 'third' }, { model: 'toString' }])
      await conversation.send('x', options);
    expect(provider.requests.map(systemOf)).toEqual(['<1> Base 1 end', 'Another', 'Base 1', 'Base 1']);
    expect(provider.requests.map(({ parameters }) => parameters.temperature)).toEqual([0, 1, 1, 1]);
    expect(provider.requests.map(({ parameters }) => parameters.maxTokens)).toEqual([9, 9, 9, 9]);
  });

  test('is chosen by its key', async () => {
    const prompts = {
      a: { id: 'a', name: 'A', version: '1.0.0', system_template: 'I am A' },
      b: { id: 'b', name: 'B', version: 'v2.0.0-rc.1', system_template: 'I am B' },
    };
    const { provider, conversation } = opened({}, { prompt: 'b' }, { prompts });
    await conversation.send('x');
    expect(systemOf(provider.requests[0])).toBe('I am B');
    for (const prompt of ['c', 'constructor'])
      expect(await refusal(() => opened({}, { prompt }, { prompts }))).toBe(
        `invalid_options: Pack: prompts.${prompt} does not exist: give one of a, b.`,
      );
  });

  test('is checked even if it did not come from parsePack()', async () => {
    const given = { pack: packJson({ system_template: 5 }), prompt: 'chat', provider: model() };
    expect(await refusal(() => Reflect.apply(openConversation, undefined, [given]))).toBe(
      'invalid_options: Pack: prompts.chat.system_template is a number: give a string.',
    );
  });
});

describe('variables', () => {
  test('that are set between turns apply to the next turn', async () => {
    const { provider, conversation } = opened(name, { variables: { name: 'Ada' } });
    await conversation.send('x');
    conversation.setVariable('name', 'Grace');
    await conversation.send('x');
    expect(provider.requests.map(systemOf)).toEqual(['You talk to Ada.', 'You talk to Grace.']);
  });

  test('have their values at the time of the call, even if the turn waits or its stream is read later', async () => {
    const gate = manualGate();
    const provider = scripted([{ text: 'ok', gate: gate.gate }, 'ok', 'ok']);
    const conversation = openConversation({
      pack: pack(name),
      prompt: 'chat',
      provider,
      variables: { name: 'A' },
    });
    const first = conversation.send('x');
    await provider.nextCall();
    conversation.setVariable('name', 'B');
    const second = conversation.send('x');
    const third = conversation.stream('x');
    conversation.setVariable('name', 'C');
    gate.open();
    await Promise.all([first, second]);
    await third.text();
    expect(provider.requests.map(systemOf)).toEqual(['You talk to A.', 'You talk to B.', 'You talk to B.']);
  });

  test('without a value use their default, or are empty if they are optional', async () => {
    const { provider, conversation } = opened({
      system_template: '[{{a}}|{{b}}|{{c}}]',
      variables: [optional('a', { default: 'A' }), optional('b'), required('c', { default: 'C' })],
    });
    await conversation.send('x');
    conversation.setVariable('a', 'mine');
    await conversation.send('x');
    conversation.setVariable('a', undefined);
    await conversation.send('x');
    expect(provider.requests.map(systemOf)).toEqual(['[A||C]', '[mine||C]', '[A||C]']);
  });

  test('that are required and have no value are named in the error, and nothing is sent or stored', async () => {
    const { provider, conversation } = opened(
      { system_template: '{{a}} {{more}}', variables: [required('a'), required('b'), optional('c')] },
      {},
      { fragments: { more: 'for {{customer}}' } },
    );
    const message =
      'invalid_options: The prompt chat has variables without a value (a, customer, b): ' +
      'set them with setVariable(), or in variables when you open the conversation.';
    expect(await refusal(() => conversation.send('x'))).toBe(message);
    expect(await refusal(() => conversation.stream('x'))).toBe(message);
    expect(provider.calls).toHaveLength(0);
    expect(await conversation.history()).toEqual([]);
    for (const one of ['a', 'b', 'customer']) conversation.setVariable(one, one);
    await conversation.send('x');
    expect(systemOf(provider.requests[0])).toBe('a for customer');
  });

  test('that are objects are copied when they are set', async () => {
    const { provider, conversation } = opened({
      system_template: '{{user}}',
      variables: [required('user', { type: 'object' })],
    });
    const user = { name: 'Ada' };
    conversation.setVariable('user', user);
    user.name = 'Grace';
    await conversation.send('x');
    expect(systemOf(provider.requests[0])).toBe('{"name":"Ada"}');
  });

  const circle: Json = {};
  circle['self'] = circle;
  const refused: [type: string, validation: Json | undefined, value: unknown, message: string][] = [
    ['string', undefined, 5, 'what was given is a number: give a string'],
    ['string', undefined, null, 'what was given is null: give a string'],
    ['number', undefined, '5', 'what was given is a string: give a number'],
    ['number', undefined, Number.NaN, 'what was given is NaN: give a number'],
    ['boolean', undefined, 'true', 'what was given is a string: give true or false'],
    ['object', undefined, [], 'what was given is an array: give an object'],
    [
      'object',
      undefined,
      circle,
      'what was given is an object: give a string, a number, true, false, or an object or array of plain data',
    ],
    ['array', undefined, {}, 'what was given is an object: give an array'],
    ['string', { pattern: '^[a-z]+$' }, 'A', 'what was given is a string: give one that matches ^[a-z]+$'],
    ['string', { min_length: 2 }, '😀', 'what was given is a string: give at least 2 characters'],
    ['string', { max_length: 2 }, 'abc', 'what was given is a string: give at most 2 characters'],
    ['number', { minimum: 1 }, 0, 'what was given is a number: give a number of at least 1'],
    ['number', { maximum: 1 }, 2, 'what was given is a number: give a number of at most 1'],
    ['string', { enum: ['low', 'high'] }, 'mid', 'what was given is a string: give one of "low", "high"'],
    ['number', { enum: [1, 2] }, 3, 'what was given is a number: give one of 1, 2'],
  ];

  test.each(refused)('of type %s with the rules %j refuse %j', async (type, validation, value, message) => {
    const variables = [required('v', { type, ...(validation !== undefined && { validation }) })];
    const { conversation } = opened({ system_template: '{{v}}', variables });
    expect(await refusal(() => conversation.setVariable('v', value))).toBe(
      `invalid_options: Variable v: ${message}.`,
    );
  });

  test.each<[type: string, validation: Json, value: unknown]>([
    ['string', { pattern: '^[a-z]+$', min_length: 2, max_length: 2 }, 'ab'],
    ['string', { max_length: 1 }, '😀'],
    ['number', { minimum: 1, maximum: 1, pattern: 'x', min_length: 9 }, 1],
    ['object', { enum: [{ a: 1 }] }, { a: 1 }],
  ])('of type %s with the rules %j accept %j', async (type, validation, value) => {
    const { provider, conversation } = opened({
      system_template: '{{v}}',
      variables: [required('v', { type, validation })],
    });
    conversation.setVariable('v', value);
    await conversation.send('x');
    expect(systemOf(provider.requests[0])).toBe(
      typeof value === 'object' ? JSON.stringify(value) : String(value),
    );
  });

  test('keep their value if a wrong one is set', async () => {
    const { provider, conversation } = opened(name, { variables: { name: 'Ada' } });
    expect(await refusal(() => conversation.setVariable('name', 5))).toMatch(/^invalid_options/);
    await conversation.send('x');
    expect(systemOf(provider.requests[0])).toBe('You talk to Ada.');
  });

  test('that the prompt does not have are refused, also at opening', async () => {
    const { conversation } = opened(name);
    const message = 'invalid_options: The prompt chat has no variable "nmae". Its variables are: name.';
    expect(await refusal(() => conversation.setVariable('nmae', 'x'))).toBe(message);
    expect(await refusal(() => opened(name, { variables: { nmae: 'x' } }))).toBe(message);
  });
});

describe('what a pack asks for that has no effect yet', () => {
  const prompt = {
    validators: [{ type: 'banned_words' }, { type: 'max_length', enabled: false }],
    evals: [{ id: 'e', type: 'regex', trigger: 'every_turn' }],
    parameters: { temperature: 1, top_k: 5, seed: 7 },
    variables: [optional('when', { type: 'date' })],
  };
  const expected = [
    'The prompt chat of the pack: its validators are not run (banned_words).',
    'The prompt chat of the pack: its field evals has no effect.',
    'The prompt chat of the pack: its parameter seed is not sent to scripted.',
    'The prompt chat of the pack: its parameter top_k is not sent to scripted.',
    'The prompt chat of the pack: values of when are not checked, because the type date is not known.',
  ];

  test('is listed at opening and once on each result', async () => {
    const provider = scripted([
      { error: new SluiceError('overloaded', 'Busy.', { retryAfterMs: 0 }) },
      'a',
      'b',
    ]);
    const conversation = openConversation({ pack: pack(prompt), prompt: 'chat', provider });
    expect(conversation.warnings).toEqual(expected);
    expect((await conversation.send('x')).warnings).toEqual(expected);
    expect((await (await conversation.fork()).send('x')).warnings).toEqual(expected);
    expect(provider.requests.length).toBe(3);
  });

  test('is an error with strict', async () => {
    expect(await refusal(() => opened(prompt, { strict: true }))).toBe(
      `invalid_options: openConversation(): ${expected.join(' ')} Remove strict to open it anyway.`,
    );
    const { conversation } = opened({ validators: [{ type: 'x', enabled: false }] }, { strict: true });
    expect(conversation.warnings).toEqual([]);
  });

  test('includes top_k, except for Anthropic, which gets it', async () => {
    const provider = scripted('ok', { name: 'anthropic' });
    const conversation = openConversation({
      pack: pack({ parameters: { top_k: 5 } }),
      prompt: 'chat',
      provider,
    });
    expect(conversation.warnings).toEqual([]);
    await conversation.send('x');
    expect(provider.requests[0]?.parameters).toEqual({ providerOptions: { anthropic: { top_k: 5 } } });
  });
});

describe('the pipeline that is created', () => {
  test('retries, and has the given middleware and options', async () => {
    const Tenant = contextKey<string>('tenant');
    const seen: unknown[] = [];
    const watch: Middleware = function watch(context, next) {
      seen.push(context.get(Tenant), context.request.messages.length);
      return next();
    };
    const store = new MemoryStore();
    const provider = scripted([{ error: new SluiceError('overloaded', 'Busy.', { retryAfterMs: 0 }) }, 'ok']);
    const conversation = openConversation({
      pack: pack(),
      prompt: 'chat',
      provider,
      session: { owner: 'acme', id: 's' },
      middleware: [watch],
      pipelineOptions: { store },
    });
    const { response } = await conversation.send('x', { values: [Tenant.with('acme')] });
    expect(response.content).toBe('ok');
    expect(provider.calls).toHaveLength(2);
    expect(seen).toEqual(['acme', 1]);
    expect((await store.load({ owner: 'acme', id: 's' }))?.messages).toHaveLength(2);
    await conversation.close();
    expect((await store.load({ owner: 'acme', id: 's' }))?.messages).toHaveLength(2);
  });

  test('refuses wrong options of a turn like any pipeline', async () => {
    const { conversation } = opened({ parameters: { temperature: 1 } });
    for (const options of [{ parameters: 5 }, { values: 5 }, { model: '' }, { nope: 1 }, 'text']) {
      const send = (): unknown => Reflect.apply(conversation.send, conversation, ['x', options]);
      expect(await refusal(send)).toMatch(/^invalid_options: Execution options: /);
    }
  });

  test('is shut down with the conversation; the provider is closed only with own', async () => {
    const { provider, conversation } = opened({});
    const stream = conversation.stream('x');
    await conversation.close();
    expect(await refusal(() => stream.next())).toMatch(/^shutting_down/);
    expect(provider.closed).toBe(0);
    const owning = opened({}, { pipelineOptions: { own: true } });
    await owning.conversation.close();
    expect(owning.provider.closed).toBe(1);
  });

  test('is shut down when the last of a conversation and its forks is closed', async () => {
    const { provider, conversation } = opened(name, {
      variables: { name: 'Ada' },
      pipelineOptions: { own: true },
    });
    await conversation.send('x');
    const fork = await conversation.fork();
    fork.setVariable('name', 'Grace');
    await conversation.close();
    await conversation.close();
    expect(provider.closed).toBe(0);
    await fork.send('x');
    expect(systemOf(provider.requests[1])).toBe('You talk to Grace.');
    expect(await fork.history()).toHaveLength(4);
    await fork.close();
    await fork.close();
    expect(provider.closed).toBe(1);
  });

  test('a fork has a copy of the variables, and later changes are separate', async () => {
    const { provider, conversation } = opened(name, { variables: { name: 'Ada' } });
    await conversation.send('x');
    const fork = await conversation.fork();
    fork.setVariable('name', 'Grace');
    await conversation.send('x');
    conversation.setVariable('name', 'Mary');
    await fork.send('x');
    expect(provider.requests.slice(1).map(systemOf)).toEqual(['You talk to Ada.', 'You talk to Grace.']);
  });
});

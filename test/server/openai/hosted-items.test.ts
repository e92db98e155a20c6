import { createOpenAI } from '@ai-sdk/openai';
import { generateText, streamText } from 'ai';
import type { LanguageModel, ModelMessage } from 'ai';
import type OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { provider } from '../../../middleware/index.ts';
import { openai } from '../../../providers/openai/index.ts';
import { Pipeline, textOf } from '../../../src/index.ts';
import { faultServer, responsesStream, scripted } from '../../../testing/index.ts';
import type { ScriptedAnswer, ScriptedProvider } from '../../../testing/index.ts';
import { openaiApp, type OpenAIApp } from './app.ts';
import { officialClients } from './clients.ts';

const search = {
  ...{ id: 'ws_1', type: 'web_search_call', status: 'completed' },
  action: { type: 'search', query: 'weather in Rome', queries: ['weather in Rome'] },
};
const program = {
  ...{ id: 'ci_1', type: 'code_interpreter_call', status: 'completed', container_id: 'cntr_1' },
  ...{ code: 'print(20 + 1)', outputs: [{ type: 'logs', logs: '21' }] },
};
const approval = {
  ...{ id: 'mcpr_1', type: 'mcp_approval_request', server_label: 'files' },
  ...{ name: 'read', arguments: '{}' },
};
const block = (data: object) => ({ provider: 'openai.responses', data });

const searched: ScriptedAnswer = {
  chunks: [
    { type: 'content', content: 'I look. ' },
    {
      ...{ type: 'tool_call', id: 'ws_1', name: 'web_search', arguments: {}, providerExecuted: true },
      block: block(search),
    },
    {
      ...{ type: 'tool_call', id: 'ci_1', name: 'code_interpreter', arguments: {}, providerExecuted: true },
      block: block(program),
    },
    {
      ...{ type: 'tool_result', id: 'ci_1', name: 'code_interpreter', content: '21', isError: false },
      providerExecuted: true,
    },
    { type: 'content', content: 'It is 21 degrees.' },
  ],
};
const mayWait: ScriptedAnswer = {
  chunks: [{ type: 'content', content: '', block: block(approval) }],
};

const TOOLS = [
  { type: 'web_search' as const },
  { type: 'code_interpreter' as const, container: { type: 'auto' as const } },
];
const ENTRY = { hostedTools: ['web_search', 'web_search_2025_08_26', 'code_interpreter', 'mcp'] };

async function serving(...answers: ScriptedAnswer[]): Promise<OpenAIApp & { model: ScriptedProvider }> {
  const model = scripted(answers);
  const app = await openaiApp(new Pipeline([provider(model)]), {}, ENTRY);
  return { ...app, model };
}

/** The messages of a second turn, after one that the model has answered. */
async function secondTurn(model: LanguageModel): Promise<ModelMessage[]> {
  const first = await generateText({ model, prompt: 'How is the weather?' });
  return [
    { role: 'user', content: 'How is the weather?' },
    ...first.finalStep.response.messages,
    { role: 'user', content: 'Tomorrow?' },
  ];
}

describe.each(officialClients)('openai %s', (_version, Client) => {
  const of = ({ baseURL }: OpenAIApp): OpenAI => new Client({ baseURL, apiKey: 'key', maxRetries: 0 });
  const ask = { model: 'gpt-x', input: 'How is the weather?', tools: TOOLS };

  it('gets the items of the tools that the provider runs, streaming and in one piece', async () => {
    await using app = await serving(searched, searched);
    const streamed = of(app).responses.stream(ask);
    const types: string[] = [];
    for await (const event of streamed) types.push(event.type);
    const { output } = await streamed.finalResponse();
    expect(output.map(({ type }) => type)).toEqual([
      ...['message', 'web_search_call', 'code_interpreter_call', 'message'],
    ]);
    expect(output.slice(1, 3)).toEqual([search, program]);
    expect(types).toContain('response.web_search_call.completed');
    const whole = await of(app).responses.create(ask);
    expect(whole.output.slice(1, 3)).toEqual([search, program]);
    expect(whole.output_text).toBe('I look. It is 21 degrees.');
  });

  it('sends them back, and they go to the provider as they came', async () => {
    await using app = await serving(searched, 'And sun.');
    const client = of(app);
    const first = await client.responses.create(ask);
    const input = [...first.output, { role: 'user' as const, content: 'And tomorrow?' }];
    await client.responses.create({ ...ask, input: input as OpenAI.Responses.ResponseInput });
    expect(app.model.requests[1]?.messages).toEqual([
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I look. ' },
          { type: 'provider', block: block(search) },
          { type: 'provider', block: block(program) },
          { type: 'text', text: 'It is 21 degrees.' },
        ],
      },
      { role: 'user', content: [{ type: 'text', text: 'And tomorrow?' }] },
    ]);
  });

  it('is asked before a tool of a server of tools runs, and answers', async () => {
    await using app = await serving(mayWait, 'Read.');
    const client = of(app);
    const tools = [{ type: 'mcp' as const, server_label: 'files', server_url: 'https://files.example' }];
    const first = await client.responses.create({ ...ask, tools });
    expect(first.output).toEqual([approval]);
    const answer = { type: 'mcp_approval_response' as const, approval_request_id: 'mcpr_1', approve: true };
    await client.responses.create({
      ...{ model: 'gpt-x', tools },
      input: [...(first.output as OpenAI.Responses.ResponseInput), answer],
    });
    expect(app.model.requests[1]?.messages).toEqual([
      { role: 'assistant', content: [{ type: 'provider', block: block(approval) }] },
      { role: 'user', content: [{ type: 'provider', block: block(answer) }] },
    ]);
  });

  it('does not see those that the pipeline asked for itself', async () => {
    await using app = await serving(searched, searched, mayWait);
    const seen = async (...tools: OpenAI.Responses.Tool[]): Promise<string[]> => {
      const { output } = await of(app).responses.create({ ...ask, tools });
      return output.map(({ type }) => type);
    };
    expect(await seen()).toEqual(['message', 'message']);
    expect(await seen({ type: 'web_search_2025_08_26' })).toEqual(['message', 'web_search_call', 'message']);
    expect(await seen({ type: 'mcp', server_label: 'mail', server_url: 'https://mail.example' })).toEqual([]);
  });

  it('may say that the model has to use one', async () => {
    await using app = await serving(searched);
    const other = of(app).responses.create({ ...ask, tool_choice: { type: 'web_search_preview' } });
    await expect(other).rejects.toMatchObject({ status: 400, param: 'tool_choice.type' });
    await of(app).responses.create({ ...ask, tool_choice: { type: 'code_interpreter' } });
    expect(app.model.requests.map(({ parameters }) => parameters)).toEqual([
      { providerOptions: { openai: { tools: TOOLS, tool_choice: { type: 'code_interpreter' } } } },
    ]);
  });
});

it("reads them from OpenAI's wire and writes them there, with the API behind the gateway", async () => {
  await using api = await faultServer();
  const { wire, lines } = responsesStream({ text: 'It is 21 degrees.' });
  const done = { type: 'response.output_item.done', output_index: 7, item: search };
  api.always(() => ({ stream: { wire, lines: lines.toSpliced(2, 0, JSON.stringify(done)) } }));
  const model = openai({ apiKey: 'key', baseURL: api.url, api: 'responses', model: 'gpt-x' });
  await using app = await openaiApp(new Pipeline([provider(model)]), {}, ENTRY);
  const [[, Client]] = officialClients;
  const client = new Client({ baseURL: app.baseURL, apiKey: 'key', maxRetries: 0 });
  const include = ['web_search_call.action.sources' as const, 'file_search_call.results' as const];
  const ask = { model: 'gpt-x', tools: TOOLS, include };
  const first = await client.responses.create({ ...ask, input: 'How is the weather?' });
  expect(first.output[0]).toEqual(search);
  const input = [...first.output, { role: 'user' as const, content: 'And tomorrow?' }];
  await client.responses.create({ ...ask, input: input as OpenAI.Responses.ResponseInput });
  const sent = api.requests.map(({ body }) => body as { tools: unknown; include: unknown; input: unknown[] });
  expect(sent[1]?.tools).toEqual(TOOLS);
  expect(sent[1]?.include).toEqual(['web_search_call.action.sources']);
  expect(sent[1]?.input[0]).toEqual(search);
});

describe('the AI SDK', () => {
  const sdkOf = ({ baseURL }: OpenAIApp) => createOpenAI({ baseURL, apiKey: 'key' });

  it.each([[false], [true]])('has their calls and results, streaming: %s', async (stream) => {
    await using app = await serving(searched);
    const sdk = sdkOf(app);
    const ask = {
      model: sdk.responses('gpt-x'),
      prompt: 'How is the weather?',
      tools: { web_search: sdk.tools.webSearch({}), code_interpreter: sdk.tools.codeInterpreter({}) },
    };
    const answer = stream ? streamText(ask) : await generateText(ask);
    const [calls, results] = [await answer.toolCalls, await answer.toolResults];
    expect(calls.map(({ toolName }) => toolName)).toEqual(['web_search', 'code_interpreter']);
    expect(results.map(({ output }) => output)).toMatchObject([
      { action: { type: 'search', query: 'weather in Rome' } },
      { outputs: [{ type: 'logs', logs: '21' }] },
    ]);
    expect(await answer.text).toBe('I look. It is 21 degrees.');
  });

  it('refers to items that nobody has, unless it is told that nothing is stored', async () => {
    await using app = await serving('It rains.', 'And tomorrow, too.');
    const model = sdkOf(app).responses('gpt-x');
    const messages = await secondTurn(model);
    await expect(generateText({ model, messages })).rejects.toThrow('"store": false');
    const providerOptions = { openai: { store: false } };
    const { text } = await generateText({ model, messages, providerOptions });
    expect(text).toBe('And tomorrow, too.');
    expect(app.model.requests[1]?.messages.map(textOf)).toEqual([
      ...['How is the weather?', 'It rains.', 'Tomorrow?'],
    ]);
  });

  it('may refer to them in a session, which has them', async () => {
    await using app = await serving('It rains.', 'And tomorrow, too.');
    const headers = { 'x-sluice-session': 'weather' };
    const model = createOpenAI({ baseURL: app.baseURL, apiKey: 'key', headers }).responses('gpt-x');
    const messages = await secondTurn(model);
    expect((await generateText({ model, messages })).text).toBe('And tomorrow, too.');
    expect(app.model.requests[1]?.messages.map(textOf)).toEqual([
      ...['How is the weather?', 'It rains.', 'Tomorrow?'],
    ]);
  });
});

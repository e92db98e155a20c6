import { createOpenAI } from '@ai-sdk/openai';
import { ChatOpenAI } from '@langchain/openai';
import { HumanMessage } from '@langchain/core/messages';
import { tool as langchainTool } from '@langchain/core/tools';
import { Agent, OpenAIProvider, Runner, tool as agentTool } from '@openai/agents';
import { Output, generateText, stepCountIs, streamText, tool } from 'ai';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { provider } from '../../../middleware/index.ts';
import { Pipeline } from '../../../src/index.ts';
import { scripted } from '../../../testing/index.ts';
import type { ScriptedAnswer, ScriptedProvider } from '../../../testing/index.ts';
import { openaiApp } from './app.ts';

interface Stage extends AsyncDisposable {
  readonly baseURL: string;
  readonly model: ScriptedProvider;
}

async function served(...answers: ScriptedAnswer[]): Promise<Stage> {
  const model = scripted(answers);
  const app = await openaiApp(new Pipeline([provider(model)]));
  const { baseURL } = app;
  return { baseURL, model, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

// The AI SDK would print that its models are newer than the settings.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

const CALL = { toolCalls: [{ name: 'weather', arguments: { city: 'Rome' } }], batchSize: 1 };
const PERSON = { text: '{"name":"Ada","age":36}', batchSize: 1 };
const person = z.object({ name: z.string(), age: z.number() });

describe('LangChain', () => {
  const chat = (stage: Stage, more: object = {}): ChatOpenAI =>
    new ChatOpenAI({ model: 'gpt-x', apiKey: 'key', configuration: { baseURL: stage.baseURL }, ...more });

  it('invokes', async () => {
    await using stage = await served('It rains.');
    const message = await chat(stage).invoke('How is the weather?');
    expect(message.content).toBe('It rains.');
    expect(message.usage_metadata).toMatchObject({ input_tokens: 12, output_tokens: 8, total_tokens: 20 });
    expect(message.response_metadata).toMatchObject({ finish_reason: 'stop' });
  });

  it.each([[false], [true]])('streams, with Responses: %s', async (useResponsesApi) => {
    await using stage = await served({ thinking: 'Hm.', text: 'It rains in Rome.', batchSize: 1 });
    let text = '';
    let chunks = 0;
    for await (const chunk of await chat(stage, { useResponsesApi }).stream('How is the weather?')) {
      text += chunk.text;
      if (chunk.text !== '') chunks++;
    }
    expect(text).toBe('It rains in Rome.');
    expect(chunks).toBeGreaterThan(2);
  });

  it.each([[false], [true]])(
    'calls tools and sends back their results, with Responses: %s',
    async (useResponsesApi) => {
      await using stage = await served(CALL, 'It is 21 degrees.');
      const weather = langchainTool(({ city }) => `21 degrees in ${city}`, {
        name: 'weather',
        description: 'The weather of a city',
        schema: z.object({ city: z.string() }),
      });
      const model = chat(stage, { useResponsesApi }).bindTools([weather]);
      const question = new HumanMessage('How is the weather?');
      const first = await model.invoke([question]);
      expect(first.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'Rome' }, id: 'call_0' }]);
      const [call] = first.tool_calls ?? [];
      if (call === undefined) throw new Error('There is no call.');
      const last = await model.invoke([
        question,
        first,
        await weather.invoke({ ...call, type: 'tool_call' }),
      ]);
      expect(last.text).toBe('It is 21 degrees.');
      expect(stage.model.requests[1]?.messages.at(-1)).toEqual({
        role: 'tool',
        content: [{ type: 'tool_result', id: 'call_0', name: 'weather', content: '21 degrees in Rome' }],
      });
    },
  );

  it('reads structured output', async () => {
    await using stage = await served(PERSON);
    const model = chat(stage).withStructuredOutput(person, { name: 'person', method: 'jsonSchema' });
    expect(await model.invoke('Who?')).toEqual({ name: 'Ada', age: 36 });
    expect(stage.model.requests[0]?.responseFormat).toMatchObject({ type: 'json_schema', name: 'person' });
  });
});

describe.each(['chat', 'responses'] as const)('the AI SDK with %s', (api) => {
  const modelOf = ({ baseURL }: Stage) => createOpenAI({ baseURL, apiKey: 'key' })[api]('gpt-x');
  const weather = tool({
    description: 'The weather of a city',
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => `21 degrees in ${city}`,
  });

  it('generates text', async () => {
    await using stage = await served({ thinking: 'Hm.', text: 'It rains.' });
    const { text, usage, finishReason } = await generateText({ model: modelOf(stage), prompt: 'How?' });
    expect(text).toBe('It rains.');
    expect(finishReason).toBe('stop');
    expect(usage).toMatchObject({ inputTokens: 12, outputTokens: 8, totalTokens: 20 });
  });

  it('streams text', async () => {
    await using stage = await served({ text: 'It rains in Rome today.', batchSize: 1 });
    const { textStream, finishReason } = streamText({ model: modelOf(stage), prompt: 'How?' });
    const pieces: string[] = [];
    for await (const piece of textStream) pieces.push(piece);
    expect(pieces.join('')).toBe('It rains in Rome today.');
    expect(pieces.length).toBeGreaterThan(2);
    expect(await finishReason).toBe('stop');
  });

  it('runs its tools', async () => {
    await using stage = await served(CALL, 'It is 21 degrees.');
    const result = streamText({
      model: modelOf(stage),
      prompt: 'How is the weather?',
      tools: { weather },
      stopWhen: stepCountIs(3),
    });
    expect(await result.text).toBe('It is 21 degrees.');
    const steps = await result.steps;
    expect(steps[0]?.toolCalls).toMatchObject([{ toolName: 'weather', input: { city: 'Rome' } }]);
    expect(stage.model.requests[1]?.messages.slice(1)).toEqual([
      {
        role: 'assistant',
        content: [{ type: 'tool_call', id: 'call_0', name: 'weather', arguments: { city: 'Rome' } }],
      },
      {
        role: 'tool',
        content: [{ type: 'tool_result', id: 'call_0', name: 'weather', content: '21 degrees in Rome' }],
      },
    ]);
  });

  it('generates an object', async () => {
    await using stage = await served(PERSON);
    const { output } = await generateText({
      model: modelOf(stage),
      output: Output.object({ schema: person }),
      prompt: 'Who?',
    });
    expect(output).toEqual({ name: 'Ada', age: 36 });
    expect(stage.model.requests[0]?.responseFormat).toMatchObject({ type: 'json_schema' });
  });
});

describe.each([
  ['chat', false],
  ['responses', true],
])('the Agents SDK with %s', (_api, useResponses) => {
  it.each([[false], [true]])('runs an agent with a tool, streaming: %s', async (stream) => {
    await using stage = await served({ thinking: 'Hm.', ...CALL }, 'It is 21 degrees.');
    const models = new OpenAIProvider({ apiKey: 'key', baseURL: stage.baseURL, useResponses });
    const runner = new Runner({ modelProvider: models, tracingDisabled: true });
    const cities: string[] = [];
    const weather = agentTool({
      name: 'weather',
      description: 'The weather of a city',
      parameters: z.object({ city: z.string() }),
      execute: ({ city }) => {
        cities.push(city);
        return '21 degrees';
      },
    });
    const agent = new Agent({ name: 'Weather', instructions: 'Be short.', model: 'gpt-x', tools: [weather] });
    if (stream) {
      const run = await runner.run(agent, 'How is the weather?', { stream: true });
      await run.completed;
      expect(run.finalOutput).toBe('It is 21 degrees.');
    } else {
      const run = await runner.run(agent, 'How is the weather?');
      expect(run.finalOutput).toBe('It is 21 degrees.');
    }
    expect(cities).toEqual(['Rome']);
    expect(stage.model.requests.map(({ messages }) => messages.map(({ role }) => role))).toEqual([
      ['system', 'user'],
      ['system', 'user', 'assistant', 'tool'],
    ]);
  });
});

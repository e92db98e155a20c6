// One prompt through ten models: seven services by their presets, Anthropic, and two models of the AI SDK. A local server plays all
// of them, so that no key is needed: for the real ones leave out `apiKey` and `baseURL`, and set their variables, such as GROQ_API_KEY.
import { createGoogle } from '@ai-sdk/google';
import { createXai } from '@ai-sdk/xai';
import { Pipeline, type Provider } from 'sluice';
import { aisdk } from 'sluice/interop/aisdk';
import { provider, retry } from 'sluice/middleware';
import { anthropic } from 'sluice/providers/anthropic';
import { openai, type PresetName } from 'sluice/providers/openai';
import { chatStream, faultServer, messagesStream, responsesStream } from 'sluice/testing';

const ANSWER = 'Paris is the capital of France.';

await using server = await faultServer();
server.always(({ path }) => {
  if (path.includes('/messages')) return { stream: messagesStream({ text: ANSWER }) };
  if (path.includes('/responses')) return { stream: responsesStream({ text: ANSWER }) };
  if (!path.includes('/models/gemini')) return { stream: chatStream({ text: ANSWER }) };
  const candidates = [{ content: { role: 'model', parts: [{ text: ANSWER }] }, finishReason: 'STOP' }];
  const usageMetadata = { promptTokenCount: 12, candidatesTokenCount: 8, totalTokenCount: 20 };
  return {
    stream: { wire: 'openai-chat', sentinel: false, lines: [JSON.stringify({ candidates, usageMetadata })] },
  };
});

const here = { apiKey: 'none', baseURL: server.openaiBaseURL };
const preset = (name: PresetName, model: string): Provider => openai({ preset: name, model, ...here });

const models: Provider[] = [
  preset('openrouter', 'openai/gpt-oss-120b'),
  preset('groq', 'llama-3.3-70b-versatile'),
  preset('deepseek', 'deepseek-chat'),
  preset('together', 'moonshotai/Kimi-K2'),
  preset('mistral', 'mistral-small-latest'),
  preset('ollama', 'llama3.2'),
  preset('lmstudio', 'qwen3-8b'),
  anthropic({ model: 'claude-haiku-4-5', apiKey: 'none', baseURL: server.anthropicBaseURL }),
  aisdk(createGoogle({ apiKey: 'none', baseURL: `${server.url}/v1beta` })('gemini-3-flash')),
  aisdk(createXai(here)('grok-4')),
];

await Promise.all(
  models.map(async (model) => {
    await using pipeline = new Pipeline([retry(), provider(model)], { own: true });
    const { response, usage } = await pipeline.execute('user', 'What is the capital of France?');
    console.log(`${model.name}/${model.model}: ${response.content} (${usage.totalTokens} tokens)`);
  }),
);
console.log(`${models.length} models, ${server.requests.length} requests`);

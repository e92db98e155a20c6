/** A contestant, described without loading it. */
export interface Contestant {
  id: string;
  label: string;
  wire: 'chat' | 'messages';
  /** The packages whose versions are reported. */
  packages: readonly string[];
  /** What it does, in words. */
  does: string;
  /** Whether only the bench over TLS has it. */
  onlyOverTls?: boolean;
}

const SLUICE = ['sluice', 'undici', 'rate-limiter-flexible', '@pydantic/genai-prices'] as const;

/** All contestants. Their modules are `./<id>.ts`. Each is loaded only by the process that measures it. */
export const contestants = [
  {
    id: 'sluice',
    label: 'Sluice, five middleware',
    wire: 'chat',
    packages: [...SLUICE, 'openai'],
    does: 'a `Pipeline` of `logging`, `cost`, `retry`, `rateLimit`, `timeout` and `provider(openai())`, its `executeStream()` read with `for await`; for a tool with `tools()` between `cost` and `retry`',
  },
  {
    id: 'sluice-alone',
    label: 'Sluice, no middleware',
    wire: 'chat',
    packages: ['sluice', 'undici', 'openai'],
    does: 'the same without the five middleware; the difference is what they cost; for a tool with `tools()` alone',
  },
  {
    id: 'floor',
    label: 'fetch + JSON.parse, by hand',
    wire: 'chat',
    packages: [],
    does: 'the built-in `fetch`, the body split at blank lines, each event parsed; no retries, no checks, no errors; for a tool two of these requests, whose bodies are read to their end',
  },
  {
    id: 'floor-to-end',
    label: 'fetch + JSON.parse, by hand',
    wire: 'chat',
    packages: [],
    does: 'the built-in `fetch`, the body split at blank lines and read to its end, each event parsed; no retries, no checks, no errors',
    onlyOverTls: true,
  },
  {
    id: 'openai-sdk',
    label: 'OpenAI SDK',
    wire: 'chat',
    packages: ['openai'],
    does: '`client.chat.completions.create({ stream: true })`, read with `for await`; for a tool in a loop by hand',
  },
  {
    id: 'ai-sdk',
    label: 'Vercel AI SDK',
    wire: 'chat',
    packages: ['ai', '@ai-sdk/openai'],
    does: '`streamText({ model: openai.chat(...) })`, its `textStream` read; for a tool with `tools` and `stopWhen`',
  },
  {
    id: 'langchain',
    label: 'LangChain.js',
    wire: 'chat',
    packages: ['@langchain/openai', '@langchain/core', 'langchain'],
    does: '`new ChatOpenAI().stream()`, read with `for await`; for a tool `createAgent()` with `streamMode: "messages"`',
  },
  {
    id: 'mastra',
    label: 'Mastra',
    wire: 'chat',
    packages: ['@mastra/core'],
    does: '`new Agent({ model: { id, url, apiKey } }).stream()`, its `textStream` read; for a tool with `tools`',
  },
  {
    id: 'genkit',
    label: 'Genkit',
    wire: 'chat',
    packages: ['genkit', '@genkit-ai/compat-oai'],
    does: '`ai.generateStream()` over its OpenAI-compatible plugin, `stream` read and `response` awaited',
  },
  {
    id: 'tanstack',
    label: 'TanStack AI',
    wire: 'chat',
    packages: ['@tanstack/ai', '@tanstack/ai-openai'],
    does: '`chat()` over its adapter of Chat Completions, read with `for await`',
  },
  {
    id: 'openai-agents',
    label: 'OpenAI Agents',
    wire: 'chat',
    packages: ['@openai/agents'],
    does: '`runner.run(agent, ..., { stream: true })` over Chat Completions without tracing, `toTextStream()` read and `completed` awaited',
  },
  {
    id: 'sluice-aisdk',
    label: 'aisdk() over a model of the AI SDK',
    wire: 'chat',
    packages: ['sluice', '@ai-sdk/openai'],
    does: '`aisdk(openai.chat(...))` without a pipeline, its stream read with `for await`',
  },
  {
    id: 'ai-sdk-model',
    label: 'a model of the AI SDK, by hand',
    wire: 'chat',
    packages: ['@ai-sdk/openai'],
    does: '`openai.chat(...).doStream()`, its stream read with a reader',
  },
  {
    id: 'sluice-anthropic',
    label: 'Sluice, five middleware (Anthropic)',
    wire: 'messages',
    packages: [...SLUICE, '@anthropic-ai/sdk'],
    does: 'the same five, and `provider(anthropic())`',
  },
  {
    id: 'anthropic-sdk',
    label: 'Anthropic SDK',
    wire: 'messages',
    packages: ['@anthropic-ai/sdk'],
    does: '`client.messages.create({ stream: true })`, read with `for await`',
  },
] as const satisfies readonly Contestant[];

/** The id of a contestant. */
export type ContestantId = (typeof contestants)[number]['id'];

/** The contestant with this id. */
export function contestant(id: ContestantId): Contestant {
  const found = contestants.find((one) => one.id === id);
  if (found === undefined) throw new Error(`There is no contestant ${id}.`);
  return found;
}

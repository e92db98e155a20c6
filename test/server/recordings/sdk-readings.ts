import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

/** What the official client of a wire makes of a reply, as plain data. An error is its kind alone. */
export type SdkReading = Readonly<Record<string, unknown>> | { failed: true };

/** Where to ask, and what the reply may call. */
export interface Asked {
  /** The address without `/v1`. */
  url: string;
  /** The names of the functions that the client has. */
  tools: readonly string[];
  /** Whether the answer is streamed. */
  stream: boolean;
}

const KEY = { apiKey: 'k', maxRetries: 0 };
const user = { role: 'user' as const, content: 'Hi' };

/** How each wire is read. */
export const sdkReadings = {
  'openai-chat': (asked: Asked) => failing(readChat(asked)),
  'openai-responses': (asked: Asked) => failing(readResponses(asked)),
  'anthropic-messages': (asked: Asked) => failing(readMessages(asked)),
};

async function failing(reading: Promise<SdkReading>): Promise<SdkReading> {
  try {
    return await reading;
  } catch {
    return { failed: true };
  }
}

async function readChat({ url, tools, stream }: Asked): Promise<SdkReading> {
  const client = new OpenAI({ baseURL: `${url}/v1`, ...KEY });
  const body = {
    ...{ model: 'openai-chat', messages: [user] },
    ...(tools.length > 0 && {
      tools: tools.map((name) => ({ type: 'function' as const, function: { name, parameters: {} } })),
    }),
  };
  if (!stream) {
    const { choices, usage } = await client.chat.completions.create(body);
    const [choice] = choices;
    return chatReading(
      choice?.message,
      choice?.finish_reason,
      Reflect.get(Object(choice?.message), 'reasoning_content'),
      usage,
    );
  }
  const running = client.chat.completions.stream({ ...body, stream_options: { include_usage: true } });
  // The accumulator keeps the last piece of a field that it does not know.
  let thinking = '';
  running.on('chunk', ({ choices }) => {
    const delta = Object(choices[0]?.delta) as { reasoning_content?: string; reasoning?: string };
    thinking += delta.reasoning_content ?? delta.reasoning ?? '';
  });
  let usage: OpenAI.CompletionUsage | undefined;
  running.on('chunk', (chunk) => (usage = chunk.usage ?? usage));
  const { choices } = await running.finalChatCompletion().catch((error: unknown) => {
    const { currentChatCompletionSnapshot: snapshot } = running;
    // It throws for an answer that is not whole, but has it.
    if (error instanceof OpenAI.APIError || !snapshot?.choices[0]?.finish_reason) throw error;
    return snapshot;
  });
  const [choice] = choices;
  return chatReading(choice?.message, choice?.finish_reason, thinking, usage);
}

function chatReading(
  message: object | undefined,
  finishReason: string | null | undefined,
  thinking: unknown,
  usage: OpenAI.CompletionUsage | undefined,
): SdkReading {
  const {
    content,
    refusal,
    annotations,
    tool_calls: calls = [],
  } = Object(message) as OpenAI.ChatCompletionMessage;
  return {
    content: content ?? '',
    refusal: refusal ?? '',
    thinking: thinking ?? '',
    annotations: annotations ?? [],
    calls: calls.map((call) => [
      call.id,
      call.type === 'function' && call.function.name,
      call.type === 'function' && JSON.parse(call.function.arguments || '{}'),
    ]),
    finishReason,
    usage: usage && [
      usage.prompt_tokens,
      usage.completion_tokens,
      usage.prompt_tokens_details?.cached_tokens ?? 0,
      usage.completion_tokens_details?.reasoning_tokens ?? 0,
    ],
  };
}

async function readResponses({ url, tools, stream }: Asked): Promise<SdkReading> {
  const client = new OpenAI({ baseURL: `${url}/v1`, ...KEY });
  const body = {
    ...{ model: 'openai-responses', input: 'Hi', include: ['reasoning.encrypted_content' as const] },
    tools: tools.map((name) => ({ type: 'function' as const, name, parameters: {}, strict: false })),
  };
  const {
    output,
    status,
    usage,
    incomplete_details: incomplete,
    error,
  } = stream ? await client.responses.stream(body).finalResponse() : await client.responses.create(body);
  if (error || status === 'failed') return { failed: true };
  const parts = output.flatMap((item) => (item.type === 'message' ? item.content : []));
  return {
    text: parts.map((part) => (part.type === 'output_text' ? part.text : '')).join(''),
    refusal: parts.map((part) => (part.type === 'refusal' ? part.refusal : '')).join(''),
    annotations: parts.flatMap((part) => (part.type === 'output_text' ? part.annotations : [])).map(sorted),
    thinking: output
      .flatMap((item) => (item.type === 'reasoning' ? [...item.summary, ...(item.content ?? [])] : []))
      .map(({ text }) => text)
      .join(''),
    calls: output.flatMap((item) =>
      item.type === 'function_call' ? [[item.call_id, item.name, JSON.parse(item.arguments)]] : [],
    ),
    status,
    reason: incomplete?.reason,
    usage: usage && [
      usage.input_tokens,
      usage.output_tokens,
      usage.input_tokens_details.cached_tokens,
      usage.output_tokens_details.reasoning_tokens,
      usage.total_tokens,
    ],
  };
}

async function readMessages({ url, tools, stream }: Asked): Promise<SdkReading> {
  const client = new Anthropic({ baseURL: url, ...KEY });
  const body = {
    ...{ model: 'anthropic-messages', max_tokens: 99, messages: [user] },
    tools: tools.map((name) => ({ name, input_schema: { type: 'object' as const } })),
  };
  const { content, stop_reason, usage } = stream
    ? await client.messages.stream(body).finalMessage()
    : await client.messages.create(body);
  return {
    blocks: joined(JSON.parse(JSON.stringify(content))),
    stop_reason,
    usage: [
      usage.input_tokens,
      usage.output_tokens,
      usage.cache_read_input_tokens ?? 0,
      usage.cache_creation_input_tokens ?? 0,
    ],
  };
}

type Block = Record<string, unknown>;

/** Blocks of text that follow each other are one: a stream of ours has text, and not blocks. */
function joined(blocks: readonly Block[]): Block[] {
  const out: Block[] = [];
  for (const { text, citations, caller, ...rest } of blocks) {
    // The usual caller is the same as none.
    const isUsual = caller === undefined || Object(caller).type === 'direct';
    const block: Block = isUsual ? rest : { ...rest, caller };
    if (block['type'] !== 'text') {
      out.push(block);
      continue;
    }
    const last = out.at(-1);
    const cited = Array.isArray(citations) ? citations : [];
    if (last?.['type'] === 'text') {
      last['text'] = String(last['text']) + String(text);
      last['citations'] = [...(last['citations'] as unknown[]), ...cited];
    } else out.push({ type: 'text', text, citations: cited });
  }
  return out.filter(({ type, text }) => type !== 'text' || text !== '');
}

function sorted(value: object): object {
  return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

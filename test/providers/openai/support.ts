import type {
  Call,
  ModelRequest,
  ProviderBlock,
  ProviderCall,
  Reply,
  SluiceError,
  StreamChunk,
} from '../../../src/index.ts';
import { isSluiceError } from '../../../src/index.ts';
import { CHAT_WIRE } from '../../../providers/openai/chat/request/messages.ts';
import { RESPONSES_WIRE } from '../../../providers/openai/responses/request/input.ts';
import { blockFrom, originOf } from '../../../providers/wire/index.ts';
import { ChatDecoder } from '../../../providers/openai/chat/reply/decoder.ts';
import { chatRequest } from '../../../providers/openai/chat/request/request.ts';
import { DEFAULT_MODEL, openai } from '../../../providers/openai/index.ts';
import type { OpenAIOptions } from '../../../providers/openai/index.ts';
import { modelTraits } from '../../../providers/openai/server/model-traits.ts';
import { openaiSettings } from '../../../providers/openai/options.ts';
import { ResponsesDecoder } from '../../../providers/openai/responses/reply/decoder.ts';
import { responsesRequest } from '../../../providers/openai/responses/request/request.ts';
import { requestContext } from '../../../providers/openai/shared/request-context.ts';
import { expectsThinkTags } from '../../../providers/openai/server/think-tags.ts';

/** The call of a provider, with its warnings. */
export interface Observed extends ProviderCall {
  readonly call: Call;
  readonly warnings: string[];
}

/** A provider's call without a pipeline. */
export function providerCall(request: ModelRequest, signal = new AbortController().signal): Observed {
  const warnings: string[] = [];
  const call: Call = {
    number: 1,
    request,
    span: {
      span: { id: '1', kind: 'call', name: 'test', startMs: 0, attributes: {} },
      set() {},
      end() {},
    },
    provider: undefined,
    model: undefined,
    usage: undefined,
    serviceTier: undefined,
    cost: undefined,
    outputCharacters: 0,
    alive: () => undefined,
  };
  return { signal, deadline: undefined, call, warnings, warn: (message) => warnings.push(message) };
}

/** A request with one question. */
export function ask(changes: Partial<ModelRequest> = {}): ModelRequest {
  return { messages: [{ role: 'user', content: 'Hi' }], parameters: {}, ...changes };
}

/** The body of a request, and the warnings. */
export function bodyOf(
  request: ModelRequest,
  options: OpenAIOptions = {},
): { body: Record<string, unknown>; warnings: string[] } {
  const settings = openaiSettings({ apiKey: 'test', ...options });
  const warnings: string[] = [];
  const wire = settings.api === 'chat' ? CHAT_WIRE : RESPONSES_WIRE;
  const { origin, thinkingBack } = modelTraits(settings, wire, request.model ?? settings.model);
  const build = requestContext({ settings, request, origin, thinkingBack }, (message) =>
    warnings.push(message),
  );
  return { body: settings.api === 'chat' ? chatRequest(build) : responsesRequest(build), warnings };
}

/** A block as a Responses reply has it. */
export const blockOf = (data: unknown): ProviderBlock =>
  blockFrom(originOf(RESPONSES_WIRE, DEFAULT_MODEL, 'https://api.openai.com/v1'), data);

/** What came from a stream. */
export interface Told {
  chunks: StreamChunk[];
  reply?: Reply;
  error?: SluiceError;
  call: Call;
  warnings: string[];
}

/** How a stream is decoded. */
export interface DecodeOptions {
  /** `[DONE]` follows (chat). */
  sentinel?: boolean;
  request?: Partial<ModelRequest>;
  options?: OpenAIOptions;
  /** Events are passed on as they are, without a round through JSON. */
  parsed?: boolean;
}

/** Decodes events without a network. The field `sseEvent` of an event is its name. */
export function decode(
  api: 'chat' | 'responses',
  events: readonly unknown[],
  { sentinel = api === 'chat', request, options, parsed = false }: DecodeOptions = {},
): Told {
  const call = providerCall(ask(request));
  const settings = openaiSettings({ apiKey: 'test', ...options });
  const decoding = {
    provider: 'openai',
    call,
    limits: settings.limits,
    info: { status: 200, requestId: 'req_1', secrets: [] },
    origin: originOf(api === 'chat' ? CHAT_WIRE : RESPONSES_WIRE, settings.model, settings.baseURL),
    thinkTags: expectsThinkTags(settings.thinkTags, settings),
  };
  const decoder = api === 'chat' ? new ChatDecoder(decoding) : new ResponsesDecoder(decoding);
  const chunks: StreamChunk[] = [];
  const told: Told = { chunks, call: call.call, warnings: call.warnings };
  try {
    for (const event of events) {
      if (decoder.finished) break;
      const { sseEvent = '', ...data }: Record<string, unknown> = parsed
        ? { ...(event as object) }
        : JSON.parse(JSON.stringify(event));
      decoder.event(data, String(sseEvent), chunks);
    }
    if (sentinel && 'sentinel' in decoder) decoder.sentinel();
    told.reply = decoder.end(chunks);
  } catch (error) {
    if (!isSluiceError(error)) throw error;
    told.error = error;
  }
  return withoutCall(told);
}

/** The runtime sets which call a chunk belongs to. Here it is always 0. */
function withoutCall(told: Told): Told {
  return { ...told, chunks: told.chunks.map(({ call: _call, ...chunk }) => chunk) };
}

/** One call over a socket, read to its end. */
export async function run(options: OpenAIOptions, request: ModelRequest = ask()): Promise<Told> {
  const provider = openai({ apiKey: 'test', ...options });
  const call = providerCall(request);
  const chunks: StreamChunk[] = [];
  const told: Told = { chunks, call: call.call, warnings: call.warnings };
  const stream = provider.stream(request, call);
  try {
    for (;;) {
      const result = await stream.next();
      if (result.done) break;
      chunks.push(result.value);
    }
    told.reply = stream.reply;
  } catch (error) {
    if (!isSluiceError(error)) throw error;
    told.error = error;
  }
  await provider.close?.();
  return withoutCall(told);
}

/** The text of the chunks of one type. */
export function joined(chunks: readonly StreamChunk[], type: 'content' | 'thinking'): string {
  return chunks.map((chunk) => (chunk.type === type ? chunk.content : '')).join('');
}

/** The finished calls. */
export function callsOf(chunks: readonly StreamChunk[]): { id: string; name: string; arguments: unknown }[] {
  return chunks.flatMap((chunk) =>
    chunk.type === 'tool_call' ? [{ id: chunk.id, name: chunk.name, arguments: chunk.arguments }] : [],
  );
}

/** A chunk of Chat Completions. */
export function chat(delta: object, more: object = {}): object {
  return {
    id: 'c1',
    object: 'chat.completion.chunk',
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: null, ...more }],
  };
}

/** The last chunk of Chat Completions. */
export function finish(reason: string, more: object = {}): object {
  return {
    id: 'c1',
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: {}, finish_reason: reason }],
    ...more,
  };
}

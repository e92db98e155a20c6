import { isSluiceError, type SluiceError } from '../../../src/index.ts';
import type {
  Call,
  ModelRequest,
  ProviderBlock,
  ProviderCall,
  Reply,
  Stream,
  StreamChunk,
} from '../../../src/index.ts';
import { MessagesDecoder } from '../../../providers/anthropic/reply/decoder.ts';
import { blockFrom, limitsSchema, type Limits, type Origin } from '../../../providers/wire/index.ts';
import type { PlainReading } from '../../support/plain-reading.ts';
import { ending, opening } from './reply/events.ts';

/** A provider's call without a pipeline, with the warnings. */
export interface FakeCall extends ProviderCall {
  readonly call: Call;
  readonly warnings: string[];
}

export function fakeCall(request: ModelRequest = ask('Hi'), signal = new AbortController().signal): FakeCall {
  const warnings: string[] = [];
  return {
    signal,
    deadline: undefined,
    warnings,
    warn: (message) => void warnings.push(message),
    call: {
      number: 1,
      request,
      span: {
        span: { id: 's', kind: 'call', name: 'test', startMs: 0, attributes: {} },
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
    },
  };
}

/** A request of one question. */
export function ask(content: string, more: Partial<ModelRequest> = {}): ModelRequest {
  return { messages: [{ role: 'user', content }], parameters: {}, ...more };
}

const LIMITS: Limits = limitsSchema.parse({});

/** Where the replies of these tests come from. */
const ORIGIN: Origin = {
  wire: 'anthropic',
  model: 'claude-test',
  baseURL: 'https://api.anthropic.com',
};

/** A block as these replies have it. */
export const blockOf = (data: unknown): ProviderBlock => blockFrom(ORIGIN, data);

export interface Decoded {
  chunks: StreamChunk[];
  reply: Reply;
  call: FakeCall;
}

/** A decoder for a reply with the request id `req_7`. */
export function decoderOf(call: ProviderCall, limits: Partial<Limits> = {}): MessagesDecoder {
  return new MessagesDecoder({
    provider: 'anthropic',
    call,
    limits: { ...LIMITS, ...limits },
    info: { status: 200, requestId: 'req_7', secrets: [] },
    origin: ORIGIN,
  });
}

/** Feeds events to a decoder and ends it. */
export function decode(
  events: readonly object[],
  limits: Partial<Limits> = {},
  request: ModelRequest = ask('Hi'),
): Decoded {
  const call = fakeCall(request);
  const chunks: StreamChunk[] = [];
  const decoder = decoderOf(call, limits);
  for (const event of events) {
    if (decoder.finished) break;
    decoder.event({ ...event }, '', chunks);
  }
  const reply = decoder.end(chunks);
  return { chunks, reply, call };
}

/** The error of decoding these events. */
export function failure(events: readonly object[], limits: Partial<Limits> = {}): SluiceError {
  try {
    decode(events, limits);
  } catch (error) {
    if (isSluiceError(error)) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** What chunks and their reply say, in the form of a plain reading. */
export function readingOf(
  chunks: readonly StreamChunk[],
  reply: Reply,
): Omit<PlainReading, 'error' | 'spliced'> {
  const { usage } = reply;
  return {
    text: chunks.map((chunk) => (chunk.type === 'content' ? chunk.content : '')).join(''),
    thinking: chunks.map((chunk) => (chunk.type === 'thinking' ? chunk.content : '')).join(''),
    toolCalls: chunks
      .filter((chunk) => chunk.type === 'tool_call')
      .map(({ id, name, arguments: args, providerExecuted }) => ({
        ...{ id, name, arguments: args },
        ...(providerExecuted && { providerExecuted }),
      })),
    finishReason: reply.finishReason,
    rawFinishReason: reply.rawFinishReason,
    usage: usage && {
      inputTokens: usage.inputTokens,
      outputTokens: usage.outputTokens,
      totalTokens: usage.totalTokens,
      cachedInputTokens: usage.cachedInputTokens,
      cacheWriteTokens: usage.cacheWriteTokens,
      reasoningTokens: usage.reasoningTokens,
    },
  };
}

/** A short line for each text, finished call, result, file and block. Consecutive texts are joined. */
export function told(chunks: readonly StreamChunk[]): string[] {
  const lines: string[] = [];
  let last = '';
  for (const chunk of chunks) {
    const line = lineOf(chunk);
    if (line === undefined) continue;
    const said = line.split(':', 1)[0] ?? '';
    const joins = (said === 'text' || said === 'thinking') && said === last;
    if (joins) lines.push(`${lines.pop() ?? ''}${line.slice(said.length + 2)}`);
    else lines.push(line);
    last = said;
  }
  return lines;
}

/** The lines of a reply with these events between an opening and an end. */
export function said(...events: (object | object[])[]): string[] {
  return told(decode([opening(), ...events.flat(), ...ending()]).chunks);
}

function lineOf(chunk: StreamChunk): string | undefined {
  switch (chunk.type) {
    case 'content':
      return chunk.block === undefined
        ? `text: ${chunk.content}`
        : `block: ${JSON.stringify(chunk.block.data)}`;
    case 'thinking':
      return chunk.block === undefined
        ? `thinking: ${chunk.content}`
        : `thought: ${JSON.stringify(chunk.block.data)}`;
    case 'tool_call': {
      const { id, name, invalid, providerExecuted } = chunk;
      const args = invalid === undefined ? JSON.stringify(chunk.arguments) : `invalid ${invalid.raw}`;
      return `${providerExecuted === true ? 'ran' : 'call'}: ${id} ${name} ${args}`;
    }
    case 'tool_result':
      return `result: ${chunk.id} ${chunk.name} ${chunk.isError ? 'failed ' : ''}${chunk.content}`;
    case 'file':
      return `file: ${chunk.mediaType} ${chunk.data ?? chunk.url ?? ''}`;
    case 'tool_call_delta':
    case 'tool_progress':
    case 'reset':
      return undefined;
  }
}

/** The blocks to send back, without those of thinking and of the client's calls. */
export function keptBlocks(chunks: readonly StreamChunk[]): unknown[] {
  return chunks.flatMap((chunk) => {
    if (chunk.type === 'thinking' || !('block' in chunk) || chunk.block === undefined) return [];
    return chunk.type === 'tool_call' && chunk.providerExecuted !== true ? [] : [chunk.block.data];
  });
}

/** Reads a provider's stream to its end. */
export async function readStream(
  stream: Stream<StreamChunk, Reply>,
): Promise<{ chunks: StreamChunk[]; reply: Reply }> {
  const chunks: StreamChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  if (stream.reply === undefined) throw new Error('the stream ended without a reply');
  return { chunks, reply: stream.reply };
}

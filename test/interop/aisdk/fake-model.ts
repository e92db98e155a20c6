import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import type { Provider, Reply, StreamChunk } from 'sluice';
import type { AISDKModel } from 'sluice/interop/aisdk';
import { directCall } from 'sluice/testing';
import type { DirectCall } from 'sluice/testing';
import type { ModelRequest } from 'sluice';

/** A model made by hand, with the options of its calls. */
export interface FakeModel extends AISDKModel {
  readonly asked: LanguageModelV4CallOptions[];
}

/** Options of {@link fakeModel}. */
export interface FakeOptions {
  version?: 'v3' | 'v4';
  provider?: string;
  modelId?: string;
  supportedUrls?: AISDKModel['supportedUrls'];
}

/** The parts of one reply. Any object is one, because services send what no type knows. */
export type Parts = readonly object[];

export const FINISH: LanguageModelV4StreamPart = {
  type: 'finish',
  finishReason: { unified: 'stop', raw: 'stop' },
  usage: {
    inputTokens: { total: 10, noCache: 10, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 4, text: 4, reasoning: 0 },
  },
};

/** The parts of a text. */
export function said(text: string, id = '0'): LanguageModelV4StreamPart[] {
  return [
    { type: 'text-start', id },
    { type: 'text-delta', id, delta: text },
    { type: 'text-end', id },
  ];
}

/** A model that answers with the next of these replies each time. */
export function fakeModel(replies: readonly Parts[], options: FakeOptions = {}): FakeModel {
  const { version = 'v4', provider = 'fake.chat', modelId = 'fake-1', supportedUrls } = options;
  const asked: LanguageModelV4CallOptions[] = [];
  return {
    specificationVersion: version,
    provider,
    modelId,
    ...(supportedUrls !== undefined && { supportedUrls }),
    asked,
    doStream(given: LanguageModelV4CallOptions) {
      asked.push(given);
      const parts = replies[Math.min(asked.length, replies.length) - 1] ?? [];
      return Promise.resolve({ stream: ReadableStream.from<unknown>(parts) });
    },
  };
}

/** What one call of a provider gave. */
export interface Outcome {
  chunks: StreamChunk[];
  reply: Reply | undefined;
  error: unknown;
  call: DirectCall;
}

/** Reads one call of a provider to its end or its error. */
export async function outcomeOf(provider: Provider, given: Partial<ModelRequest> = {}): Promise<Outcome> {
  const request = { messages: [{ role: 'user' as const, content: 'Hi' }], parameters: {}, ...given };
  const call = directCall(request);
  const stream = provider.stream(request, call);
  const chunks: StreamChunk[] = [];
  try {
    for (;;) {
      const next = await stream.next();
      if (next.done === true) return { chunks, reply: next.value, error: undefined, call };
      chunks.push(next.value);
    }
  } catch (error) {
    return { chunks, reply: undefined, error, call };
  }
}

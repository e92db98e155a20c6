import assert from 'node:assert/strict';

import { isSluiceError } from '../../src/index.ts';
import type { ModelRequest, Provider, Reply, SluiceError, Stream, StreamChunk } from '../../src/index.ts';
import { faultServer } from '../upstream/fault-server.ts';
import type { FaultServer, ScriptedResponse } from '../upstream/fault-server.ts';
import { directCall } from '../model-call.ts';
import type { DirectCall } from '../model-call.ts';
import { wireAnswers } from '../upstream/wire-answers.ts';
import type { Made, WireAnswers } from '../upstream/wire-answers.ts';
import type { Wire } from '../upstream/wires.ts';

/** What a provider is asked to do. */
export type Scene = 'text' | 'tool' | 'thinking';

/** Where a provider sends its requests. */
export interface Endpoint {
  readonly baseURL: string;
  /** Must not appear in anything the provider returns or throws. */
  readonly apiKey: string;
}

/** How to make a provider and what to ask it. */
export interface Cast {
  readonly wire: Wire | undefined;
  make(scene: Scene, endpoint: Endpoint): Provider;
  /** The request for each scene. */
  readonly requests: Readonly<Partial<Record<Scene, Partial<ModelRequest>>>>;
}

/** What a case for any provider works with. */
export interface ProviderStage {
  readonly provider: Provider;
  readonly request: ModelRequest;
  /** Set if the provider speaks a wire. */
  readonly server: FaultServer | undefined;
  /** Makes answers in the provider's wire format. */
  readonly answers: WireAnswers | undefined;
}

/** What a case for a provider that speaks a wire works with. */
export interface WireStage extends ProviderStage {
  readonly server: FaultServer;
  readonly answers: WireAnswers;
  /** Scripts the next answers. */
  enqueue(...responses: ScriptedResponse[]): void;
}

/** Looks like a key but is not one. */
export const CANARY = 'sk-canary-0123456789abcdefghijklmnop';

/** The tool that is offered in the scene `tool`. */
export const TOOL = {
  name: 'calculate',
  description: 'Evaluates an arithmetic expression.',
  parameters: {
    type: 'object',
    properties: { expression: { type: 'string' } },
    required: ['expression'],
  },
};

/** The answer in each scene on a wire. */
export const SAID: Readonly<Record<Scene, Made & { readonly content: string }>> = {
  text: {
    content: 'Rivers run down to the sea.',
    text: 'Rivers run down to the sea.',
    usage: { inputTokens: 40, outputTokens: 9, cachedInputTokens: 10 },
  },
  tool: {
    content: '',
    toolCalls: [{ id: 'call_sum', name: TOOL.name, arguments: { expression: '17 + 25' } }],
  },
  thinking: { content: 'It is 42.', thinking: 'Seventeen and twenty-five.', text: 'It is 42.' },
};

/** Runs a case with its own provider and server, and closes them afterwards. */
export async function onStage(
  cast: Cast,
  scene: Scene,
  act: (stage: ProviderStage) => Promise<void>,
): Promise<void> {
  const { wire } = cast;
  if (wire !== undefined) {
    return onWire(cast, wire, scene, async function play(stage) {
      stage.server.always({ stream: stage.answers.stream(SAID[scene]) });
      await act(stage);
    });
  }
  const provider = cast.make(scene, { baseURL: '', apiKey: CANARY });
  try {
    await act({ provider, request: requestFor(cast, scene), server: undefined, answers: undefined });
  } finally {
    await provider.close?.();
  }
}

/** The same for a case that scripts the server's answers itself. */
export async function onWire(
  cast: Cast,
  wire: Wire,
  scene: Scene,
  act: (stage: WireStage) => Promise<void>,
): Promise<void> {
  await using server = await faultServer();
  const answers = wireAnswers[wire];
  const provider = cast.make(scene, { baseURL: answers.baseURL(server), apiKey: CANARY });
  try {
    await act({
      provider,
      request: requestFor(cast, scene),
      server,
      answers,
      enqueue: (...responses) => server.enqueue(...responses),
    });
    server.assertDrained();
  } finally {
    await provider.close?.();
  }
}

function requestFor({ requests }: Cast, scene: Scene): ModelRequest {
  const messages = [
    { role: 'user' as const, content: scene === 'text' ? 'Say something.' : 'Calculate 17 + 25.' },
  ];
  return {
    messages,
    parameters: {},
    ...(scene === 'tool' && { tools: [TOOL] }),
    ...requests[scene],
  };
}

/** The outcome of a call. */
export interface Told {
  readonly chunks: readonly StreamChunk[];
  /** The whole text. */
  readonly content: string;
  readonly thinking: string;
  readonly reply: Reply;
  readonly call: DirectCall;
}

/** Reads a call to its end. */
export async function tell(provider: Provider, request: ModelRequest, signal?: AbortSignal): Promise<Told> {
  const call = directCall(request, signal);
  const chunks: StreamChunk[] = [];
  const stream = provider.stream(request, call);
  for (;;) {
    const next = await stream.next();
    if (next.done === true) {
      return {
        chunks,
        content: joined(chunks, 'content'),
        thinking: joined(chunks, 'thinking'),
        reply: next.value,
        call,
      };
    }
    chunks.push(next.value);
  }
}

/** Reads a stream that must fail. */
export async function failing(
  stream: Stream<StreamChunk, Reply>,
): Promise<{ content: string; error: SluiceError }> {
  const chunks: StreamChunk[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    if (isSluiceError(error)) return { content: joined(chunks, 'content'), error };
    throw new assert.AssertionError({ message: `Expected a SluiceError, got ${String(error)}` });
  }
  throw new assert.AssertionError({
    message: `Expected an error, but the stream ended normally with ${JSON.stringify(joined(chunks, 'content'))}`,
  });
}

function joined(chunks: readonly StreamChunk[], type: 'content' | 'thinking'): string {
  return chunks.map((chunk) => (chunk.type === type && 'content' in chunk ? chunk.content : '')).join('');
}

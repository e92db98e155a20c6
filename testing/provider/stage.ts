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

/** What a provider is asked to show. */
export type Scene = 'text' | 'tool' | 'thinking';

/** Where a provider behind a wire sends its requests. */
export interface Endpoint {
  readonly baseURL: string;
  /** Must never be seen in what the provider says. */
  readonly apiKey: string;
}

/** A provider and how to make it answer. */
export interface Cast {
  readonly wire: Wire | undefined;
  make(scene: Scene, endpoint: Endpoint): Provider;
  /** What to ask for a scene. */
  readonly requests: Readonly<Partial<Record<Scene, Partial<ModelRequest>>>>;
}

/** A provider at work, in a case that any provider has to pass. */
export interface ProviderStage {
  readonly provider: Provider;
  readonly request: ModelRequest;
  /** Present for a provider behind a wire. */
  readonly server: FaultServer | undefined;
  /** How its wire says things. */
  readonly answers: WireAnswers | undefined;
}

/** A provider at work behind its wire. */
export interface WireStage extends ProviderStage {
  readonly server: FaultServer;
  readonly answers: WireAnswers;
  /** Scripts the next answers. */
  enqueue(...responses: ScriptedResponse[]): void;
}

/** Looks like a key, and is none. */
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

/** What is answered in each scene behind a wire. */
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

/** Runs a case on a stage of its own, and takes it down. */
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

/** The same for a case about the wire, which scripts its answers itself. */
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

/** What came of a call. */
export interface Told {
  readonly chunks: readonly StreamChunk[];
  /** The joined text. */
  readonly content: string;
  readonly thinking: string;
  readonly reply: Reply;
  readonly call: DirectCall;
}

/** Reads a call of a provider to its end. */
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

/** Reads a stream that has to fail. */
export async function failing(
  stream: Stream<StreamChunk, Reply>,
): Promise<{ content: string; error: SluiceError }> {
  const chunks: StreamChunk[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    if (isSluiceError(error)) return { content: joined(chunks, 'content'), error };
    throw new assert.AssertionError({ message: `failed with no SluiceError: ${String(error)}` });
  }
  throw new assert.AssertionError({
    message: `ended as if all were well, with ${JSON.stringify(joined(chunks, 'content'))}`,
  });
}

function joined(chunks: readonly StreamChunk[], type: 'content' | 'thinking'): string {
  return chunks.map((chunk) => (chunk.type === type && 'content' in chunk ? chunk.content : '')).join('');
}

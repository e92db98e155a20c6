import { provider as terminal } from '../../middleware/index.ts';
import { anthropic } from '../../providers/anthropic/index.ts';
import { openai } from '../../providers/openai/index.ts';
import { Pipeline, isSluiceError } from '../../src/index.ts';
import type { ExecutionChunk, ExecutionResult, Message, Provider, SluiceError } from '../../src/index.ts';
import type { Wire } from '../../testing/upstream/wires.ts';

/** The result of one stream. */
export interface Played {
  readonly chunks: readonly ExecutionChunk[];
  readonly result?: ExecutionResult;
  readonly error?: SluiceError;
}

/** The bytes of a body with these events. `[DONE]` ends it on the chat wire. */
export function bytesOf(wire: Wire, events: readonly unknown[]): Uint8Array {
  const frames = events.map((event) => `data: ${JSON.stringify(event)}\n\n`);
  if (wire === 'openai-chat') frames.push('data: [DONE]\n\n');
  return new TextEncoder().encode(frames.join(''));
}

/** A body that is read in pieces of this many bytes. */
function bodyOf(bytes: Uint8Array, readBytes: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.subarray(at, (at += readBytes)));
    },
  });
}

function providerOf(wire: Wire, fetch: typeof globalThis.fetch): Provider {
  const options = { apiKey: 'none', baseURL: 'http://127.0.0.1:9', fetch };
  if (wire === 'anthropic-messages') return anthropic(options);
  return openai({ ...options, api: wire === 'openai-chat' ? 'chat' : 'responses' });
}

const HEADERS = { 'content-type': 'text/event-stream' };
const QUESTION: Message = { role: 'user', content: 'What is the weather?' };
const TOOLS = ['weather', 'time'].map((name) => ({ name, parameters: { type: 'object' } }));

/** Runs one execution on these bytes, read in pieces. Throws errors that are not a `SluiceError`. */
export async function play(wire: Wire, bytes: Uint8Array, readBytes: number): Promise<Played> {
  const model = providerOf(wire, () =>
    Promise.resolve(new Response(bodyOf(bytes, readBytes), { headers: HEADERS })),
  );
  const pipeline = new Pipeline([terminal(model)]);
  const stream = pipeline.executeStream([QUESTION], { tools: TOOLS });
  const chunks: ExecutionChunk[] = [];
  try {
    for await (const chunk of stream) if (chunk.type !== 'done') chunks.push(chunk);
    return { chunks, result: await stream.result };
  } catch (error) {
    if (!isSluiceError(error)) throw error;
    return { chunks, error };
  }
}

/** The body of the next request: the conversation, results for its calls, and one more question. */
export async function nextRequest(
  wire: Wire,
  messages: readonly Message[],
): Promise<Record<string, unknown>> {
  let body: unknown;
  const model = providerOf(wire, (_url, init) => {
    body = JSON.parse(String(init?.body));
    return Promise.resolve(new Response(null, { status: 500 }));
  });
  const error: unknown = await new Pipeline([terminal(model)])
    .execute([...messages, ...answersOf(messages.at(-1)), { role: 'user', content: 'And tomorrow?' }])
    .catch((thrown: unknown) => thrown);
  if (typeof body !== 'object' || body === null)
    throw new Error('the next turn was not sent', { cause: error });
  return { ...body };
}

/** A result for each call that the client has to answer. */
function answersOf(reply: Message | undefined): Message[] {
  if (reply === undefined || typeof reply.content === 'string') return [];
  const content = reply.content.flatMap((part) =>
    part.type === 'tool_call' && part.providerExecuted !== true
      ? [{ type: 'tool_result' as const, id: part.id, name: part.name, content: 'fine' }]
      : [],
  );
  return content.length === 0 ? [] : [{ role: 'tool', content }];
}

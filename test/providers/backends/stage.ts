import { expect } from 'vitest';
import { Pipeline, isSluiceError } from 'sluice';
import type { ExecutionResult, Message, Provider, SluiceError, Usage } from 'sluice';
import { provider } from 'sluice/middleware';

/** A server as its documentation and its users' reports describe it. */
export interface Backend {
  readonly name: string;
  /** The provider as a user of that server makes it, with this `fetch`. */
  make(fetch: typeof globalThis.fetch): Provider;
  /** The body of its response. */
  readonly body: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the reply must hold. Fields that are left out are not checked. */
  readonly expected: Expected;
  /** Objects that the request of the next turn must hold anywhere. */
  readonly sentBack?: readonly object[];
}

/** What a reader of the reply sees. */
export interface Expected {
  readonly content?: string;
  readonly thinking?: string;
  readonly calls?: readonly object[];
  readonly files?: readonly object[];
  readonly finishReason?: string;
  readonly usage?: Partial<Usage>;
  readonly warnings?: readonly string[];
  readonly error?: Partial<Pick<SluiceError, 'code' | 'status' | 'retryable' | 'retryAfterMs'>> & {
    /** Text of the server that the message must hold. */
    readonly says?: string;
    /** The content of the partial reply. */
    readonly received?: string;
  };
}

/** Events as an SSE body. A string is used as it is. */
export function sse(...events: readonly (object | string)[]): string {
  return events
    .map((event) => (typeof event === 'string' ? event : `data: ${JSON.stringify(event)}\n\n`))
    .join('');
}

/** Events with their type as the event's name. */
export function named(...events: readonly ({ type: string } & Record<string, unknown>)[]): string {
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
}

export const DONE = 'data: [DONE]\n\n';

const QUESTION: Message = { role: 'user', content: 'What is the weather in Paris?' };
const TOOLS = [
  { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
];

/** Calls a backend, checks its reply, then calls it again and checks the request. */
export async function tried(backend: Backend): Promise<void> {
  const sent: unknown[] = [];
  const model = backend.make((_url, init) => {
    sent.push(JSON.parse(String(init?.body)));
    const { body, status = 200, headers = { 'content-type': 'text/event-stream' } } = backend;
    return Promise.resolve(new Response(body, { status, headers }));
  });
  const pipeline = new Pipeline([provider(model)]);
  const end = await ended(pipeline.execute([QUESTION], { tools: TOOLS }));
  compare(end, backend.expected);
  if (backend.sentBack === undefined || isSluiceError(end)) return;
  await ended(pipeline.execute([...end.messages, ...answers(end)], { tools: TOOLS }));
  const found = valuesIn(sent[1]);
  for (const value of backend.sentBack) expect(found).toContainEqual(expect.objectContaining(value));
}

async function ended(execution: Promise<ExecutionResult>): Promise<ExecutionResult | SluiceError> {
  try {
    return await execution;
  } catch (error) {
    if (isSluiceError(error)) return error;
    throw error;
  }
}

function compare(end: ExecutionResult | SluiceError, expected: Expected): void {
  if (isSluiceError(end)) {
    const { says = '', received, ...error } = expected.error ?? { code: undefined };
    expect(end).toMatchObject(error);
    expect(end.message).toContain(says);
    if (received !== undefined) expect(end.partial?.content).toBe(received);
    return;
  }
  expect(expected.error).toBeUndefined();
  const { content, thinking, toolCalls, finishReason, parts } = end.response;
  const files = parts.filter(({ type }) => type === 'file');
  expect({
    content,
    thinking,
    calls: toolCalls,
    files,
    finishReason,
    usage: end.usage,
    warnings: end.warnings,
  }).toMatchObject({ warnings: [], ...expected });
}

/** A result for each call that the client has to run. */
function answers({ response }: ExecutionResult): Message[] {
  const calls = response.toolCalls.filter(({ providerExecuted }) => providerExecuted !== true);
  if (calls.length === 0) return [{ role: 'user', content: 'And tomorrow?' }];
  return [
    {
      role: 'tool',
      content: calls.map(({ id, name }) => ({ type: 'tool_result', id, name, content: '21 °C' })),
    },
  ];
}

/** Every object in a value. */
function valuesIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap((inner) => valuesIn(inner))];
}

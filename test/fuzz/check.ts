import assert from 'node:assert/strict';
import type { ExecutionChunk } from '../../src/index.ts';
import type { Wire } from '../../testing/upstream/wires.ts';
import { at, listAt, textAt } from '../support/json.ts';
import { bytesOf, nextRequest, play } from './play.ts';
import type { Played } from './play.ts';

/** Plays events whole and in pieces. Throws if the result breaks a rule that every stream must follow. */
export async function check(
  wire: Wire,
  events: readonly unknown[],
  readBytes: number,
  run: typeof play = play,
): Promise<void> {
  const bytes = bytesOf(wire, events);
  const whole = await run(wire, bytes, bytes.length || 1);
  checkPlayed(whole);
  if (holdsError(wire, events))
    assert.notEqual(whole.error, undefined, 'an error in the stream ended as completed');
  const inPieces = await run(wire, bytes, readBytes);
  assert.deepEqual(summaryOf(inPieces), summaryOf(whole), 'a different result when read in pieces');
  if (whole.result !== undefined) await checkNextTurn(wire, whole.result.messages);
}

function checkPlayed({ chunks, result, error }: Played): void {
  chunks.forEach((chunk, index) => assert.equal(chunk.index, index));
  for (const chunk of chunks) {
    for (const text of textsOf(chunk)) assert.ok(text.isWellFormed(), 'half a character was delivered');
  }
  const content = joined(chunks, 'content');
  if (error !== undefined) {
    assert.notEqual(error.code, 'middleware', error.message);
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      assert.ok(!isDefect(cause), `a defect of the decoder: ${cause.stack}`);
    }
    assert.equal(error.partial?.content, content);
    assert.equal(error.partial?.thinking, joined(chunks, 'thinking'));
  }
  if (result === undefined) return;
  assert.equal(result.outcome, 'completed');
  assert.equal(result.response.content, content);
  assert.deepEqual(
    structuredClone(JSON.parse(JSON.stringify(result.messages))),
    JSON.parse(JSON.stringify(result.messages)),
  );
  const ids = result.response.toolCalls.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, 'two calls have the same id');
  for (const [name, count] of Object.entries(result.usage)) {
    assert.ok(
      typeof count !== 'number' || (Number.isFinite(count) && count >= 0),
      `${name} is ${String(count)}`,
    );
  }
}

/** Whether an event before the terminal event reports an error in a field of its own. */
function holdsError(wire: Wire, events: readonly unknown[]): boolean {
  for (const event of events) {
    const error = at(event, 'error');
    if (textAt(event, 'error') !== '' || (isObject(error) && Object.keys(error).length > 0)) return true;
    if (textAt(event, 'object') === 'error' || textAt(event, 'type') === 'error') return true;
    if (ENDS[wire].includes(textAt(event, 'type'))) return false;
  }
  return false;
}

const ENDS: Readonly<Record<Wire, readonly string[]>> = {
  'openai-chat': [],
  'openai-responses': ['response.completed', 'response.incomplete', 'response.failed', 'response.cancelled'],
  'anthropic-messages': ['message_stop'],
};

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Errors of our own code, not of the stream. `fetch failed` and `terminated` are TypeErrors of the platform. */
function isDefect(error: Error): boolean {
  return (
    (error instanceof TypeError || error instanceof RangeError) &&
    !/fetch failed|terminated/.test(error.message)
  );
}

function textsOf(chunk: ExecutionChunk): string[] {
  if (chunk.type === 'content' || chunk.type === 'thinking') return [chunk.content];
  return chunk.type === 'tool_call_delta' ? [chunk.argumentsDelta] : [];
}

function joined(chunks: readonly ExecutionChunk[], type: 'content' | 'thinking'): string {
  return chunks.map((chunk) => (chunk.type === type ? chunk.content : '')).join('');
}

/** The part of the result that must be the same however a stream is split. */
export function summaryOf({ chunks, result, error }: Played): unknown {
  return {
    content: joined(chunks, 'content'),
    thinking: joined(chunks, 'thinking'),
    finished: chunks
      .filter(({ type }) => type === 'tool_call' || type === 'tool_result' || type === 'file')
      .map(plain),
    end: result?.response.finishReason ?? error?.code,
    usage: result === undefined ? undefined : plain(result.usage),
  };
}

function plain(value: object): unknown {
  const { index: _index, ...rest } = JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
  return rest;
}

const ID_RULES: Readonly<Record<Wire, RegExp>> = {
  'openai-chat': /^[\s\S]{1,40}$/,
  'openai-responses': /^[\s\S]{1,64}$/,
  'anthropic-messages': /^[a-zA-Z0-9_-]+$/,
};

async function checkNextTurn(wire: Wire, messages: Parameters<typeof nextRequest>[1]): Promise<void> {
  const body = await nextRequest(wire, messages);
  assert.ok(JSON.stringify(body).isWellFormed());
  assert.ok(!/\\ud[89a-f][0-9a-f]{2}/i.test(JSON.stringify(body)), 'half a character is sent');
  const { calls, results } = idsIn(wire, body);
  assert.equal(new Set(calls).size, calls.length, `two calls are sent with the same id: ${calls.join(', ')}`);
  for (const id of calls) assert.match(id, ID_RULES[wire]);
  assert.deepEqual([...results].sort(), [...calls].sort(), 'results do not match the calls');
}

function idsIn(wire: Wire, body: unknown): { calls: string[]; results: string[] } {
  if (wire === 'openai-responses') {
    const items = listAt(body, 'input');
    const named = (types: readonly string[]): string[] =>
      items.filter((item) => types.includes(textAt(item, 'type'))).map((item) => textAt(item, 'call_id'));
    return {
      calls: named(['function_call', 'custom_tool_call']),
      results: named(['function_call_output', 'custom_tool_call_output']),
    };
  }
  const messages = listAt(body, 'messages');
  if (wire === 'openai-chat') {
    return {
      calls: messages.flatMap((message) => listAt(message, 'tool_calls').map((call) => textAt(call, 'id'))),
      results: messages
        .filter((message) => textAt(message, 'role') === 'tool')
        .map((message) => textAt(message, 'tool_call_id')),
    };
  }
  const blocks = messages.flatMap((message) => listAt(message, 'content'));
  const ofType = (type: string, field: string): string[] =>
    blocks.filter((block) => textAt(block, 'type') === type).map((block) => textAt(block, field));
  return { calls: ofType('tool_use', 'id'), results: ofType('tool_result', 'tool_use_id') };
}

import assert from 'node:assert/strict';

import type { Lease, Spent, StateStore, Step } from '../../src/index.ts';
import { entries, tokens } from './stage.ts';

/** A lease that does not expire while a case runs. */
export const LONG_MS = 60_000;

interface Key {
  owner: string;
  id: string;
}

/** Steps of every kind, with every field. */
export const everyStep: readonly Step[] = [
  {
    kind: 'reply',
    round: 0,
    message: {
      role: 'assistant',
      content: [
        { type: 'text', text: 'I pay. \u0000 \ud83d\ude00' },
        { type: 'tool_call', id: 'a', name: 'pay', arguments: { usd: 5, to: null } },
        { type: 'tool_call', id: 'b', name: 'mail', arguments: [] },
      ],
    },
    reply: { finishReason: 'tool_calls', model: 'm-1', provider: 'p' },
    starts: ['a'],
    waits: [
      {
        callId: 'b',
        name: 'mail',
        arguments: [],
        waitsFor: 'approval',
        reason: 'It is mail.',
        metadata: { risk: 3 },
        expiresAt: 1_790_000_000_000,
        fingerprint: 'f1',
        path: 'x/y',
      },
    ],
    fingerprints: { a: 'f2' },
  },
  { kind: 'started', callId: 'a' },
  { kind: 'result', callId: 'a', content: 'paid', isError: false, outcome: 'done' },
  { kind: 'result', callId: 'a', content: 'paid late', isError: false, outcome: 'done', late: true },
  { kind: 'wait', pending: [{ callId: 'b', name: 'mail', arguments: [], waitsFor: 'approval' }] },
  {
    kind: 'decision',
    callId: 'b',
    by: 'd1',
    decision: { approve: true, arguments: ['x'], metadata: { who: 'me' } },
  },
  { kind: 'decision', callId: 'c', by: 'd2', decision: { deny: 'Too dear.' } },
  { kind: 'decision', callId: 'd', by: 'd3', decision: { result: 'done by hand', isError: false } },
  { kind: 'decision', callId: 'e', by: 'd4', decision: { result: [{ type: 'text', text: 'parts' }] } },
  { kind: 'message', message: { role: 'user', content: 'Be quick.' } },
  {
    path: 'a/i',
    kind: 'result',
    callId: 'b',
    content: [
      { type: 'text', text: 'no' },
      { type: 'image', data: 'AA==', mediaType: 'image/png' },
    ],
    isError: true,
    outcome: 'failed',
  },
  { kind: 'cut', outcome: 'cancelled', message: { role: 'assistant', content: 'And th' } },
  { kind: 'cut', outcome: 'failed' },
];

/** Creates a session with a question, and leases it. */
export async function begun(
  store: StateStore,
  key: Key,
  metadata?: Readonly<Record<string, unknown>>,
): Promise<Lease> {
  const lease = await store.lease(key, LONG_MS);
  await asked(store, key, lease, metadata);
  return lease;
}

/** Creates a session with a question. */
export async function asked(
  store: StateStore,
  key: Key,
  lease?: Lease,
  metadata?: Readonly<Record<string, unknown>>,
): Promise<void> {
  await store.append(key, entries('question'), { expectedVersion: 0, turnId: 't.input', lease, metadata });
}

/** Steps that are told apart by the ids of their calls. */
export function calls(...ids: string[]): Step[] {
  return ids.map((callId) => ({ kind: 'started', callId }));
}

/** The ids of the calls that {@link calls} has made, after a check of their numbers. */
export async function callsOf(store: StateStore, key: Key): Promise<unknown[]> {
  const steps = await store.steps(key, 't');
  assert.deepEqual(
    steps.map(({ n }) => n),
    steps.map((_, at) => at),
  );
  return steps.map(({ step }) => (step.kind === 'started' ? step.callId : step.kind));
}

/** Money and tokens. */
export function paid(totalUsd: number, inputTokens = 1): Spent {
  return { usage: tokens(inputTokens, 0), cost: { status: 'exact', totalUsd } };
}

/** A value without keys that are undefined. */
export function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

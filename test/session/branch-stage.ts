import { MemoryStore, Pipeline } from 'sluice';
import type { ExecutionChunk, ExecutionResult, Message, StateStore, Stream } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import * as z from 'zod';

/** The session of these tests. */
export const KEY = { owner: 'acme', id: 's' };

/** A pipeline over a scripted model, with one tool that counts its runs. */
export function stage(answers: ScriptedAnswer[], options: { historyLimit?: number } = {}) {
  const store = new MemoryStore();
  const model = scripted(answers);
  const runs: string[] = [];
  const count = tool({
    name: 'count',
    description: 'Counts',
    input: z.object({}),
    execute: (_input, { callId }) => {
      runs.push(callId);
      return `run ${runs.length}`;
    },
  });
  const pipeline = new Pipeline([tools([count]), provider(model)], { ...options, store });
  const say = (text: string) => pipeline.executeWithContext(KEY, 'user', text);
  const sent = () => model.requests.map(({ messages }) => messages.map(lineOf));
  return { store, model, runs, pipeline, say, sent };
}

function lineOf({ role, content, partial }: Message): string {
  const text = typeof content === 'string' ? content : content.map(textOf).join('');
  return `${role[0]}${partial === true ? '*' : ''} ${text}`;
}

function textOf(part: Exclude<Message['content'], string>[number]): string {
  if (part.type === 'text') return part.text;
  return part.type === 'tool_result' ? String(part.content) : part.type;
}

/** The messages on the way to one, or to the head. */
export async function linesOf(store: StateStore, leaf?: string): Promise<string[]> {
  return ((await store.load(KEY, { leaf }))?.messages ?? []).map(lineOf);
}

/** The ids of the loaded messages. */
export async function idsOf(store: StateStore): Promise<string[]> {
  return (await store.load(KEY, { ids: true }))?.ids ?? [];
}

/** Reads a stream to its end. */
export async function ended(stream: Stream<ExecutionChunk, ExecutionResult>): Promise<ExecutionResult> {
  await stream.text();
  return stream.result;
}

/** The messages of every branch. */
export async function waysOf(store: StateStore): Promise<string[]> {
  const branches = await store.branches(KEY);
  return Promise.all(
    branches.map(async ({ id, isHead }) => `${isHead ? '> ' : ''}${(await linesOf(store, id)).join(' | ')}`),
  );
}

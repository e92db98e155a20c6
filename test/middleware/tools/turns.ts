import { Pipeline, isSluiceError } from 'sluice';
import type {
  ExecutionChunk,
  ExecutionOptions,
  ExecutionResult,
  Middleware,
  SluiceError,
  StateStore,
  Stream,
} from 'sluice';
import { provider } from 'sluice/middleware';
import { tool } from 'sluice/middleware/tools';
import type { OnUnknownOutcome } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';
import * as z from 'zod';
import { withoutDeltas, wordFor } from './stage.ts';

/** The session of the turns. */
export const KEY = 'user-1';

/** What a run of a turn came to. */
export interface Run {
  seen: string[];
  result?: ExecutionResult;
  error?: SluiceError;
  model: ScriptedProvider;
}

/** Runs a turn over a store, as a process of its own would. */
export async function run(
  store: StateStore,
  layers: Middleware[],
  answers: ScriptedAnswer[],
  options: ExecutionOptions = {},
  input = 'Go on.',
): Promise<Run> {
  const model = scripted(answers);
  const pipeline = new Pipeline([...layers, provider(model)], { store });
  return { ...(await readTurn(pipeline.executeStreamWithContext(KEY, 'user', input, options))), model };
}

/** Reads a turn to its end. */
export async function readTurn(
  stream: Stream<ExecutionChunk, ExecutionResult>,
): Promise<Pick<Run, 'seen' | 'result' | 'error'>> {
  const seen: string[] = [];
  try {
    for await (const chunk of stream) seen.push(wordFor(chunk));
    return { seen: withoutDeltas(seen), result: await stream.result };
  } catch (error) {
    if (!isSluiceError(error)) throw error;
    return { seen: withoutDeltas(seen), error };
  }
}

/** A tool that counts its runs. */
export function counted(name = 'count', options: { onUnknownOutcome?: OnUnknownOutcome } = {}) {
  const runs: string[] = [];
  const made = tool({
    name,
    description: 'Counts',
    input: z.object({}),
    ...options,
    execute: (_input, { idempotencyKey }) => {
      runs.push(idempotencyKey);
      return `run ${runs.length}`;
    },
  });
  return { made, runs };
}

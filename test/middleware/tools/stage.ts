import { Pipeline } from 'sluice';
import type {
  ExecutionChunk,
  ExecutionOptions,
  ExecutionResult,
  Message,
  Middleware,
  SluiceError,
} from 'sluice';
import { isSluiceError } from 'sluice';
import { provider } from 'sluice/middleware';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';

/** What an execution came to. */
export interface Played {
  /** What the consumer saw, one word a chunk. */
  seen: string[];
  chunks: ExecutionChunk[];
  result?: ExecutionResult;
  error?: SluiceError;
  model: ScriptedProvider;
  /** The messages of each request. */
  sent: (readonly Message[])[];
}

/** Runs middleware over a scripted model, and reads the stream to its end. */
export async function play(
  layers: Middleware | Middleware[],
  answers: ScriptedAnswer | ScriptedAnswer[],
  options: ExecutionOptions = {},
): Promise<Played> {
  const model = scripted(answers);
  const pipeline = new Pipeline([...[layers].flat(), provider(model)]);
  return playOn(pipeline, model, options);
}

/** Runs a pipeline over its model. */
export async function playOn(
  pipeline: Pipeline,
  model: ScriptedProvider,
  options: ExecutionOptions = {},
): Promise<Played> {
  const stream = pipeline.executeStream('user', 'Go on.', options);
  const played: Played = { seen: [], chunks: [], model, sent: [] };
  try {
    for await (const chunk of stream) {
      played.chunks.push(chunk);
      played.seen.push(wordFor(chunk));
    }
    played.result = await stream.result;
  } catch (error) {
    if (!isSluiceError(error)) throw error;
    played.error = error;
  }
  played.sent = model.requests.map(({ messages }) => messages);
  return played;
}

/** A chunk in a word. Ids are written without the part that depends on the execution. */
export function wordFor(chunk: ExecutionChunk): string {
  switch (chunk.type) {
    case 'content':
      return chunk.content;
    case 'tool_call':
      return `call ${placeOf(chunk.id)} ${chunk.name}`;
    case 'tool_result':
      return `${chunk.isError ? 'error' : 'result'} ${placeOf(chunk.id)} ${chunk.content}`;
    case 'tool_call_delta':
      return `delta ${placeOf(chunk.id)}`;
    case 'tool_progress':
      return `progress ${placeOf(chunk.id)} ${JSON.stringify(chunk.data)}`;
    default:
      return chunk.type;
  }
}

/** The round and the place of a call's id. */
export const placeOf = (id: string): string => id.replace(/^c[a-z0-9]+_/, '');

/** The words without those for deltas. */
export const withoutDeltas = (seen: readonly string[]): string[] =>
  seen.filter((word) => !word.startsWith('delta'));

/** A reply with calls. */
export const calling = (...calls: [name: string, args: unknown][]): ScriptedAnswer => ({
  toolCalls: calls.map(([name, args]) => ({ name, arguments: args })),
});

/** The results that the last request answers its calls with. */
export function resultsIn(messages: readonly Message[] | undefined): string[] {
  return (messages ?? []).flatMap(({ role, content }) =>
    role !== 'tool' || typeof content === 'string'
      ? []
      : content.flatMap((part) =>
          part.type === 'tool_result'
            ? [
                `${part.isError === true ? 'error' : 'ok'} ${placeOf(part.id)} ${typeof part.content === 'string' ? part.content : part.content.map(({ type }) => type).join()}`,
              ]
            : [],
        ),
  );
}

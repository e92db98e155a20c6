import * as z from 'zod';
import { SluiceError, decide } from '../../src/index.ts';
import type {
  DecisionsByCall,
  ExecutionOptions,
  Input,
  Message,
  Pipeline,
  SessionKey,
} from '../../src/index.ts';
import { decidedIn, isDecisions } from '../../src/kit/index.ts';
import type { PipelineStream } from '../stream/live.ts';
import { outputFormat } from './output-format.ts';

/** The options of an execution that are plain data. */
export type PlainOptions = Pick<
  ExecutionOptions,
  | 'timeoutMs'
  | 'deadline'
  | 'model'
  | 'parameters'
  | 'tools'
  | 'responseFormat'
  | 'system'
  | 'metadata'
  | 'onBusy'
>;

/** What is asked, as plain data: whoever takes the turn over runs it with this. */
export interface RunRequest {
  /** Messages; none: the last one is answered anew. */
  input?: Message[] | undefined;
  /** In place of messages: decisions about calls that wait. */
  decisions?: { on: DecisionsByCall; message?: Message | undefined } | undefined;
  /** The id of the message that the input replaces. */
  edit?: string | undefined;
  options: PlainOptions;
  /** What the application keeps for `runOptions`, as plain data. */
  kept?: unknown;
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const message = z.custom<Message>(isObject);
// What is in them is checked when the turn runs.
const schema = z.object({
  input: z.array(message).optional(),
  decisions: z.object({ on: z.custom<DecisionsByCall>(isObject), message: message.optional() }).optional(),
  edit: z.string().optional(),
  options: z.custom<PlainOptions>(isObject),
  kept: z.unknown().optional(),
});

/** The request of a turn as plain data. */
export function requestOf(
  given: Input | string,
  edit: string | undefined,
  options: ExecutionOptions,
): RunRequest {
  const { timeoutMs, deadline, model, parameters, tools, system, metadata, onBusy, output } = options;
  const responseFormat = output === undefined ? options.responseFormat : outputFormat(output);
  const plain: PlainOptions = {
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(deadline !== undefined && { deadline: deadline instanceof Date ? deadline.getTime() : deadline }),
    ...(model !== undefined && { model }),
    ...(parameters !== undefined && { parameters }),
    ...(tools !== undefined && { tools }),
    ...(responseFormat !== undefined && { responseFormat }),
    ...(system !== undefined && { system }),
    ...(metadata !== undefined && { metadata }),
    ...(onBusy !== undefined && { onBusy }),
  };
  if (isDecisions(given)) return { decisions: decidedIn(given), options: plain };
  const input = typeof given === 'string' ? { role: 'user' as const, content: given } : given;
  return {
    input: 'role' in input ? [input] : [...input],
    ...(edit !== undefined && { edit }),
    options: plain,
  };
}

/** A request that was kept in a log; undefined if it is not one. */
export function keptRequest(kept: unknown): RunRequest | undefined {
  return schema.safeParse(kept).data;
}

/** The stream of a request. Nothing runs before it is read. Throws what the pipeline throws about its arguments. */
export function streamOf(
  pipeline: Pipeline,
  session: SessionKey | undefined,
  request: RunRequest,
  more: ExecutionOptions,
): PipelineStream {
  const { input = [], decisions, edit } = request;
  const options = { ...request.options, ...more };
  if (session === undefined) {
    if (decisions !== undefined || edit !== undefined)
      throw new SluiceError(
        'invalid_options',
        'Decisions and edits are for a turn of a session: give its session.',
      );
    return pipeline.executeStream(input, options);
  }
  if (edit !== undefined) {
    const [first, second] = input;
    if (first === undefined || second !== undefined)
      throw new SluiceError('invalid_options', 'An edit replaces one message: give one message of the user.');
    return pipeline.edit(session, edit, first, options);
  }
  const { on, message: said } = decisions ?? {};
  const given = on === undefined ? input : decide(on, said === undefined ? {} : { message: said });
  return pipeline.executeStreamWithContext(session, given, options);
}

/** What is asked, as a hash: the same id with another one is a conflict. Limits of time and metadata do not count. */
export async function fingerprintOf(
  session: SessionKey | undefined,
  request: RunRequest,
  name: string | undefined,
  besides: unknown,
): Promise<string> {
  const { input, decisions, edit, options } = request;
  const { model, parameters, tools, responseFormat, system } = options;
  const text = JSON.stringify([
    ...[session, input, decisions, edit, model, parameters, tools, responseFormat, system, name, besides],
  ]);
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

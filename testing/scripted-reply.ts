import * as z from 'zod';

import { SluiceError } from '../src/index.ts';
import { parseOptions } from '../src/kit/index.ts';
import type { FinishReason, ModelRequest, Reply, StreamChunk, Usage } from '../src/index.ts';
import { deltasOf, filledToolCalls, filledUsage } from './made-stream.ts';
import type { MadeText, MadeToolCall, MadeUsage } from './made-stream.ts';
import type { Gate } from './manual-gate.ts';

/** The scripted model's answer to one call. The chunks come in this order: thinking, text, tool calls. */
export interface ScriptedReply {
  /** A string is split into words; an array is sent piece by piece. */
  readonly text?: MadeText;
  readonly thinking?: MadeText;
  /** Each call is sent as deltas of its arguments, then as a whole. */
  readonly toolCalls?: readonly MadeToolCall[];
  /** The exact chunks to send. Replaces `thinking`, `text` and `toolCalls`. */
  readonly chunks?: readonly StreamChunk[];
  /** Chunks per read. Default: all of them, or 1 with a `gate`. */
  readonly batchSize?: number;
  /** Holds each read back. It is called with the number of the read, from 0. The read that ends the stream counts as one. */
  readonly gate?: Gate;
  /** How many chunks are sent before `error` or `hang` takes effect. Default: all of them. */
  readonly after?: number;
  /** Fails with this error instead of ending. Providers throw a `SluiceError`; use another error to test what happens to it. */
  readonly error?: Error;
  /** Neither ends nor fails, but waits until it is closed or aborted. */
  readonly hang?: boolean;
  /**
   * Default: 12 input tokens, 8 output tokens. `false`: the model reports no usage. With `error`, nothing is reported unless you give it: it is
   * then reported before the error.
   */
  readonly usage?: MadeUsage | false;
  /** Default: `tool_calls` if there are tool calls, `stop` otherwise. */
  readonly finishReason?: FinishReason;
  /** The model named in the reply. Default: the provider's model. */
  readonly model?: string;
  readonly requestId?: string;
}

/** A text, a whole reply, or a function that returns either. It is called with the request and the number of the call, from 1. */
export type ScriptedAnswer =
  string | ScriptedReply | ((request: ModelRequest, call: number) => string | ScriptedReply);

/** A reply that is ready to be played. */
export interface Script {
  readonly batches: readonly (readonly StreamChunk[])[];
  readonly gate: Gate | undefined;
  /** How it ends. */
  readonly ending: { readonly reply: Reply } | { readonly error: Error; readonly usage?: Usage } | 'hang';
}

const text = z.union([z.string(), z.array(z.string())]).optional();
const schema = z.strictObject({
  text,
  thinking: text,
  toolCalls: z.array(z.looseObject({ name: z.string() })).optional(),
  chunks: z.array(z.looseObject({ type: z.string() })).optional(),
  batchSize: z.int().min(1).optional(),
  gate: z.custom((value) => typeof value === 'function' || value instanceof Promise).optional(),
  after: z.int().min(0).optional(),
  error: z.instanceof(Error).optional(),
  hang: z.boolean().optional(),
  usage: z.union([z.looseObject({}), z.literal(false)]).optional(),
  finishReason: z.string().optional(),
  model: z.string().optional(),
  requestId: z.string().optional(),
});

/** Prepares a reply. Throws `invalid_options` if it cannot be played. */
export function scriptOf(answer: string | ScriptedReply, provider: { name: string; model: string }): Script {
  const reply = typeof answer === 'string' ? { text: answer } : answer;
  parseOptions('scripted() reply', schema, reply);
  if (reply.error !== undefined && reply.hang === true)
    throw wrong('error and hang cannot be used together. Remove one of them');
  if (reply.after !== undefined && reply.error === undefined && reply.hang !== true) {
    throw wrong('after needs error or hang. Add one of them');
  }
  const chunks = (reply.chunks ?? chunksOf(reply)).slice(0, reply.after);
  const size = reply.batchSize ?? (reply.gate === undefined ? chunks.length : 1);
  return { batches: batched(chunks, size), gate: reply.gate, ending: endingOf(reply, provider) };
}

function chunksOf(reply: ScriptedReply): StreamChunk[] {
  return [
    ...deltasOf(reply.thinking).map((content): StreamChunk => ({ type: 'thinking', content, call: 0 })),
    ...deltasOf(reply.text).map((content): StreamChunk => ({ type: 'content', content, call: 0 })),
    ...filledToolCalls(reply.toolCalls, 'call').flatMap(({ id, name, text: json, deltas }): StreamChunk[] => [
      ...deltas.map((argumentsDelta, index): StreamChunk => {
        const type = 'tool_call_delta';
        return index === 0
          ? { type, id, name, argumentsDelta, call: 0 }
          : { type, id, argumentsDelta, call: 0 };
      }),
      { type: 'tool_call', id, name, arguments: parsed(json, name), call: 0 },
    ]),
  ];
}

function parsed(json: string, name: string): unknown {
  try {
    return json.trim() === '' ? {} : JSON.parse(json);
  } catch {
    throw wrong(`the arguments of ${name} are not valid JSON. To script a broken call, use chunks`);
  }
}

function batched(chunks: readonly StreamChunk[], size: number): StreamChunk[][] {
  const batches: StreamChunk[][] = [];
  for (let at = 0; at < chunks.length; at += size) batches.push(chunks.slice(at, at + size));
  return batches;
}

function endingOf(reply: ScriptedReply, provider: { name: string; model: string }): Script['ending'] {
  if (reply.error !== undefined) {
    const { error, usage } = reply;
    return usage === undefined || usage === false ? { error } : { error, usage: usageOf(usage) };
  }
  if (reply.hang === true) return 'hang';
  const called = (reply.toolCalls?.length ?? 0) > 0 || reply.chunks?.some(({ type }) => type === 'tool_call');
  return {
    reply: {
      finishReason: reply.finishReason ?? (called === true ? 'tool_calls' : 'stop'),
      provider: provider.name,
      model: reply.model ?? provider.model,
      ...(reply.usage !== false && { usage: usageOf(reply.usage) }),
      ...(reply.requestId !== undefined && { requestId: reply.requestId }),
    },
  };
}

function usageOf(usage: MadeUsage | undefined): Usage {
  const filled = filledUsage(usage);
  return { ...filled, totalTokens: filled.inputTokens + filled.outputTokens };
}

function wrong(problem: string): SluiceError {
  return new SluiceError('invalid_options', `scripted() reply: ${problem}.`);
}

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Stream, contextKey, terminal } from '../../src/index.ts';
import type { Message, Middleware, Reply, StreamChunk } from '../../src/index.ts';
import { between, oneOf } from './random.ts';
import type { Random } from './random.ts';
import { ASKED, END, inputFault, nameOf, stamped } from './stamp.ts';

const WORDS = ['one ', 'two ', 'three ', '🐙 ', 'quoted "four" ', 'nul \0 ', 'שלום '];
const USAGE = {
  inputTokens: 3,
  outputTokens: 2,
  totalTokens: 5,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
};

/** The id of the turn that the model answers. */
export const TurnId = contextKey<string>('turn id');

/** What the model needs to know about the session that it answers. */
export interface ModelOptions {
  random: Random;
  /** Whether the pipeline reads only the newest messages of a session. */
  windowed: boolean;
  /** The version of the session that the current turn has seen, and whether it stored its input itself. */
  seen(sessionId: string): { version: number; inputOf: string | undefined };
  violation(text: string): void;
}

/** A model that streams a few words in a few tenths of a second. Its first line says what it was sent. Sometimes it calls a tool. */
export function modelStack({ random, windowed, seen, violation }: ModelOptions): Middleware[] {
  const tools: Middleware = async function* tools(context, next) {
    const first = yield* next();
    if (first.finishReason !== 'tool_calls') return first;
    const result = { id: `call-${context.id}`, name: 'look', content: 'found', isError: false };
    await delay(between(random, 0, 15), undefined, { signal: context.signal });
    yield { type: 'tool_result', ...result };
    const call: Message = {
      role: 'assistant',
      content: [{ type: 'tool_call', id: result.id, name: 'look', arguments: {} }],
    };
    const answer: Message = { role: 'tool', content: [{ type: 'tool_result', ...result }] };
    return yield* next({ messages: [...context.request.messages, call, answer] });
  };

  const model = terminal({ name: 'model', provider: 'model', model: 'model-1' }, (context, call) => {
    async function* answer(): AsyncGenerator<StreamChunk, Reply> {
      const { messages } = context.request;
      const fault = inputFault(messages);
      if (fault !== undefined) violation(`the model was asked with input that is not valid: ${fault}`);
      const pieces = Array.from({ length: Math.floor(between(random, 1, 6)) }, () => oneOf(random, WORDS));
      const again = messages.at(-1)?.role === 'tool';
      if (!again) {
        const turn = context.get(TurnId) ?? '';
        const { version, inputOf } = seen(context.session?.id ?? '');
        const asked = messages.slice(-ASKED).map(nameOf);
        const stamp = { turn, nonce: randomUUID(), seen: version, fresh: inputOf === turn, asked, windowed };
        pieces.unshift(stamped(stamp));
      }
      for (const content of pieces) {
        yield { type: 'content', content };
        await delay(between(random, 0, 20), undefined, { signal: context.signal });
      }
      call.usage = USAGE;
      if (!again && random() < 0.2) {
        yield { type: 'tool_call', id: `call-${context.id}`, name: 'look', arguments: {} };
        return { finishReason: 'tool_calls', usage: USAGE };
      }
      yield { type: 'content', content: END };
      return { finishReason: 'stop', usage: USAGE };
    }
    return Stream.from<StreamChunk, Reply>(answer(), { finishReason: 'other' });
  });
  return [tools, model];
}

import { setTimeout as delay } from 'node:timers/promises';
import { Stream, terminal } from '../../../src/index.ts';
import type { Message, Middleware, Reply, StreamChunk } from '../../../src/index.ts';
import { inputFault, textIn } from '../stamp.ts';
import type { KillWord } from './lines.ts';
import { USD_PER_TOKEN, planOf, roundText, toldBy, tokensOf } from './plan.ts';

/** A model that makes the calls of its turn, round by round, and checks all that it is sent. */
export function killModel(write: (word: KillWord) => void): Middleware {
  return terminal({ name: 'model', provider: 'model', model: 'model-1' }, (context, call) => {
    async function* answer(): AsyncGenerator<StreamChunk, Reply> {
      const { messages } = context.request;
      const { turn, round, fault } = readingOf(messages);
      if (fault !== undefined) write({ what: 'violation', turn, text: `${turn}, round ${round}: ${fault}` });
      write({ what: 'sent', turn });
      const planned = planOf(turn)[round];
      yield { type: 'content', content: roundText(turn, round) };
      await delay(round % 2, undefined, { signal: context.signal });
      const { input, output } = tokensOf(round);
      const usage = {
        ...{ inputTokens: input, outputTokens: output, totalTokens: input + output },
        ...{ cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
      };
      write({ what: 'issued', turn, tokens: usage.totalTokens });
      call.usage = usage;
      call.cost = { status: 'exact', totalUsd: usage.totalTokens * USD_PER_TOKEN };
      // Providers repeat their ids, and so does this one.
      for (const [at, { tool: name, arguments: given }] of (planned ?? []).entries())
        yield { type: 'tool_call', id: `call_${at % 2}`, name, arguments: given };
      return { finishReason: planned === undefined ? 'stop' : 'tool_calls', usage };
    }
    return Stream.from<StreamChunk, Reply>(answer(), { finishReason: 'other' });
  });
}

/** Which turn and which round the model is asked for, and what is wrong with what it is sent. */
function readingOf(messages: readonly Message[]): { turn: string; round: number; fault: string | undefined } {
  const at = messages.findLastIndex(({ role }) => role === 'user');
  const asked = messages[at];
  const turn = asked === undefined ? '' : textIn(asked);
  const after = messages.slice(at + 1);
  const round = after.filter(({ role }) => role === 'assistant').length;
  const fault = inputFault(messages) ?? textFault(messages) ?? roundsFault(turn, after);
  return { turn, round, fault };
}

/** Whether each result is one of the texts that there are for its call. */
function textFault(messages: readonly Message[]): string | undefined {
  for (const { content } of messages) {
    for (const part of typeof content === 'string' ? [] : content) {
      if (part.type !== 'tool_result') continue;
      const text = typeof part.content === 'string' ? part.content : JSON.stringify(part.content);
      if (toldBy(part.id, text) === undefined) return `${part.id} has the result ${text}`;
    }
  }
  return undefined;
}

/** Whether the rounds so far are those of the plan, each followed by its results in their order. */
function roundsFault(turn: string, after: readonly Message[]): string | undefined {
  for (const [round, calls] of planOf(turn).entries()) {
    const [reply, results] = after.slice(2 * round, 2 * round + 2);
    if (reply === undefined) return undefined;
    const made = namesIn(reply).join();
    if (made !== calls.map(({ tool }) => tool).join()) return `round ${round} has the calls ${made}`;
    if (results === undefined || idsIn(results).join() !== idsIn(reply).join())
      return `the results of round ${round} are not those of its calls, in their order`;
  }
  return after.length > 2 * planOf(turn).length ? 'there are more rounds than planned' : undefined;
}

function namesIn({ content }: Message): string[] {
  return typeof content === 'string'
    ? []
    : content.flatMap((part) => (part.type === 'tool_call' ? [part.name] : []));
}

function idsIn({ content }: Message): string[] {
  return typeof content === 'string'
    ? []
    : content.flatMap((part) => (part.type === 'tool_call' || part.type === 'tool_result' ? [part.id] : []));
}

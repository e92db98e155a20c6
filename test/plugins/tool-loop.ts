import { SluiceError } from 'sluice';
import type { Message, Middleware, Part, ToolCall, ToolDefinition } from 'sluice';
import { kindOfThrown } from 'sluice/kit';

/** A tool and the function that runs it. */
export interface Tool extends ToolDefinition {
  run(given: unknown, signal: AbortSignal): string | Promise<string>;
}

/** Runs the tools that the model calls, and asks it again with their results. */
export const toolLoop = (tools: readonly Tool[], maxRounds = 8): Middleware => {
  const definitions = tools.map(({ run: _, ...definition }): ToolDefinition => definition);
  const byName = new Map(tools.map((tool) => [tool.name, tool]));

  async function resultOf({ id, name, arguments: given, invalid }: ToolCall, signal: AbortSignal) {
    const type = 'tool_result' as const;
    if (invalid !== undefined) return { type, id, name, content: invalid.reason, isError: true };
    try {
      return { type, id, name, content: (await byName.get(name)?.run(given, signal)) ?? '', isError: false };
    } catch (error) {
      return { type, id, name, content: `The tool failed: ${kindOfThrown(error)}.`, isError: true };
    }
  }

  return async function* toolLoop(context, next) {
    let messages: readonly Message[] = context.request.messages;
    for (let round = 1; ; round++) {
      const stream = next({ messages, tools: [...(context.request.tools ?? []), ...definitions] }).collect();
      const reply = yield* stream;
      const calls =
        stream.partial?.toolCalls.filter(({ providerExecuted }) => providerExecuted !== true) ?? [];
      const ours = calls.length > 0 && calls.every(({ name }) => byName.has(name));
      if (!ours || reply.finishReason !== 'tool_calls' || reply.message === undefined) return reply;
      if (round === maxRounds) throw new SluiceError('tool', `No answer after ${maxRounds} rounds of tools.`);
      const results: Part[] = [];
      for (const call of calls) {
        const result = await resultOf(call, context.signal);
        results.push(result);
        yield result;
      }
      messages = [...messages, reply.message, { role: 'tool', content: results }];
    }
  };
};

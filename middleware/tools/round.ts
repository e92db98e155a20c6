import type { Message, RoundState, ToolCallPart } from '../../src/index.ts';

/** The calls of a message that its provider has not run itself. */
export function callsOf({ content }: Message): ToolCallPart[] {
  if (typeof content === 'string') return [];
  return content
    .filter((part) => part.type === 'tool_call')
    .filter(({ providerExecuted }) => providerExecuted !== true);
}

/** A round as the model is sent it: the reply, and the results in the order of the calls. */
export function messagesOf({ reply, calls }: RoundState): Message[] {
  const results = calls.flatMap(({ call: { id, name }, result }) =>
    result === undefined
      ? []
      : [
          {
            ...{ type: 'tool_result' as const, id, name, content: result.content },
            ...(result.isError && { isError: true }),
          },
        ],
  );
  return results.length === 0 ? [reply.message] : [reply.message, { role: 'tool', content: results }];
}

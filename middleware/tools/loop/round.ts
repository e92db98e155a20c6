import type { Message, RoundState } from '../../../src/index.ts';

/** A round as the model is sent it: the reply, the results in the order of the calls, and what the user said while calls waited. */
export function messagesOf({ reply, calls, said }: RoundState): Message[] {
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
  const answers: Message[] = results.length === 0 ? [] : [{ role: 'tool', content: results }];
  return [reply.message, ...answers, ...said];
}

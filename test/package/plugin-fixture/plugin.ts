import type { Middleware } from 'sluice';

/** Records the start and the end of each attempt, and the number of characters received. */
export function noted(lines: string[]): Middleware {
  return async function* noted(context, next) {
    lines.push(`start ${String(context.request.messages.length)}`);
    let characters = 0;
    const reply = yield* next().tap((chunk) => {
      if (chunk.type === 'content') characters += chunk.content.length;
    });
    lines.push(`end ${String(characters)} ${reply.finishReason}`);
    return reply;
  };
}

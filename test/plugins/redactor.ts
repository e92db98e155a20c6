import type { Middleware } from 'sluice';

/** Replaces words, also if they come in pieces: it holds back as many characters as may still become one. */
export const redactor = (...words: readonly string[]): Middleware => {
  const longest = Math.max(...words.map(({ length }) => length));
  const pattern = new RegExp(words.map((word) => word.replaceAll(/[^\w\s]/g, '\\$&')).join('|'), 'g');

  return async function* redactor(context, next) {
    let held = '';
    const rest = () => ({ type: 'content' as const, content: held });
    const stream = next();
    try {
      for await (const chunk of stream) {
        if (chunk.type === 'content') {
          const text = (held + chunk.content).replaceAll(pattern, '***');
          const safe = Math.max(0, text.length - longest + 1);
          held = text.slice(safe);
          if (safe > 0) yield { ...chunk, content: text.slice(0, safe) };
          continue;
        }
        if (chunk.type !== 'reset' && held !== '') yield rest();
        held = '';
        yield chunk;
      }
    } catch (error) {
      // What the model has said is not lost with the error.
      if (held !== '' && !context.signal.aborted) yield rest();
      throw error;
    }
    if (held !== '') yield rest();
    return stream.reply;
  };
};

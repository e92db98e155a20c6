import type { SluiceError } from '../errors.ts';
import { StreamCore } from './core.ts';
import { isEnd } from './source.ts';
import type { BatchSource, Pulled } from './source.ts';

/** The lines of a stream of text, cut at LF and CRLF. */
export function linesOf<R>(text: StreamCore<string, R>): BatchSource<string, R> {
  let rest = '';
  let over: Pulled<string, R> | undefined;
  return {
    async pull() {
      for (;;) {
        if (over !== undefined) return over;
        const pulled = await StreamCore.pullFrom(text);
        if (isEnd(pulled)) {
          over = pulled;
          if (rest !== '') return [rest];
          return pulled;
        }
        const lines = (rest + pulled.join('')).split('\n');
        rest = lines.pop() ?? '';
        if (lines.length > 0) return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
      }
    },
    close: (error: SluiceError) => StreamCore.forceOn(text, error),
  };
}

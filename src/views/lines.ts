import type { SluiceError } from '../errors.ts';
import { isEnd, pullFrom } from '../stream/source.ts';
import type { BatchSource, Pulled, PushSource } from '../stream/source.ts';

/** The lines of a stream of text, without their ends (LF or CRLF). */
export function linesOf<R>(text: PushSource<string, R>): BatchSource<string, R> {
  let rest = '';
  let over: Pulled<string, R> | undefined;
  return {
    async pull() {
      for (;;) {
        if (over !== undefined) return over;
        const pulled = await pullFrom(text);
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
    close: (error: SluiceError) => text.close(error),
  };
}

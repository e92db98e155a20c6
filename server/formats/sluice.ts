import type { SentEnd } from '../stream/parts.ts';
import type { EncoderOptions, Format } from './format.ts';
import { plainErrorBody } from './plain-error.ts';

/**
 * The server's own format: the start, each chunk and the end as they are, one JSON object an event. `type` is `start`, the type of the chunk, or `end`; `gap` has
 * `chunks` in one event. Clients of `sluice/client` read it. Cost, warnings and the trace are in the end only if they were asked for (`include`).
 */
export const sluiceFormat: Format = {
  name: 'sluice',
  heartbeat: ': heartbeat\n\n',
  headers: {},
  showsResets: () => true,
  encoder: ({ include = new Set() }: EncoderOptions) => ({
    start({ session, ...start }) {
      // The owner of the session is the server's matter.
      const id = typeof session === 'object' ? session.id : session;
      return [
        { data: JSON.stringify({ type: 'start', ...start, ...(id !== undefined && { session: id }) }) },
      ];
    },
    chunk: (chunk) => [{ data: JSON.stringify(chunk) }],
    gap: (chunks) => ({ data: JSON.stringify({ type: 'gap', chunks }) }),
    end: (end) => [{ data: JSON.stringify({ type: 'end', ...shownEnd(end, include) }) }],
  }),
  error: plainErrorBody,
};

function shownEnd(end: SentEnd, include: ReadonlySet<string>): SentEnd {
  const { cost, warnings, trace, ...shown } = end;
  return {
    ...shown,
    ...(include.has('cost') && cost !== undefined && { cost }),
    ...(include.has('warnings') && warnings !== undefined && { warnings }),
    ...(include.has('trace') && trace !== undefined && { trace }),
  };
}

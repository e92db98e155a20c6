import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  block,
  call,
  delta,
  ending,
  json,
  opening,
  signature,
  start,
  stop,
  TEXT,
  text,
  THINKING,
  thinking,
} from './events.ts';
import { decode, told } from '../support.ts';

/** A block of a reply, before it has an index. */
interface Made {
  start: object;
  deltas: object[];
}

const piece = fc.string({ minLength: 1, maxLength: 5 });
const pieces = fc.array(piece, { minLength: 1, maxLength: 3 });
const count = fc.nat({ max: 99 });

/** Complete blocks. The number makes their ids unique. */
const made: fc.Arbitrary<(at: number) => Made> = fc.oneof(
  pieces.map((said) => () => ({ start: TEXT, deltas: said.map(text) })),
  pieces.map((said) => () => ({ start: THINKING, deltas: [...said.map(thinking), signature('s')] })),
  count.map((n) => (at: number) => ({ start: call(`c${at}`), deltas: [json('{"n":'), json(`${n}}`)] })),
  count.map((n) => (at: number) => ({
    start: { type: 'server_tool_use', id: `srv_${at}`, name: 'search', input: {} },
    deltas: [json(`{"q":${n}}`)],
  })),
  count.map((n) => (at: number) => ({
    start: { type: 'web_search_tool_result', tool_use_id: `srv_${at - 1}`, content: [n] },
    deltas: [],
  })),
  fc.constant(() => ({ start: { type: 'container_upload', file_id: 'f' }, deltas: [] })),
);
const reply = fc
  .array(made, { minLength: 1, maxLength: 7 })
  .map((blocks) => blocks.map((make, at) => make(at)));

/** What a reply says if `write` puts its blocks on the wire. */
function said(blocks: readonly Made[], write: (block: Made, at: number) => object[]): string[] {
  return told(decode([opening(), ...blocks.flatMap(write), ...ending()]).chunks);
}

const whole =
  (index: unknown) =>
  (one: Made): object[] =>
    block(index, one.start, ...one.deltas);

const WAYS: Record<string, (block: Made, at: number) => object[]> = {
  'all at index 0': whole(0),
  'without indices': whole(undefined),
  'with indices in turn': (one, at) => whole(at % 2)(one),
  'with gaps and falling': (one, at) => whole(4000 - 7 * at)(one),
  'with indices as text': (one, at) => whole(String(at))(one),
  'with two stops': (one, at) => [...whole(at)(one), stop(at)],
  'with stops that have no start': (one, at) => [stop(at + 1), ...whole(at)(one)],
  'without stops': (one, at) => whole(at)(one).slice(0, -1),
  'without stops, all at index 0': (one) => whole(0)(one).slice(0, -1),
  'with indices at their starts alone': (one, at) => [
    start(at, one.start),
    ...one.deltas.map((said) => delta(undefined, said)),
    stop(undefined),
  ],
};

describe('R45 what a reply says does not depend on its block indices', () => {
  it.each(Object.entries(WAYS))('is the same %s', (_name, write) => {
    fc.assert(
      fc.property(reply, (blocks) => {
        expect(said(blocks, write)).toEqual(said(blocks, (one, at) => whole(at)(one)));
      }),
      { numRuns: 300 },
    );
  });
});

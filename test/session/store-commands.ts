import fc from 'fast-check';

/** A call of one client to a store. Its arguments, such as a version, are looked up when it is made. */
export type Command =
  | { op: 'load'; id: string; last: number | undefined; leaf?: number | undefined }
  | { op: 'branches'; id: string }
  | { op: 'turn'; id: string; turn: number }
  | {
      op: 'append';
      id: string;
      turn: number;
      messages: number;
      /** Which message it follows, by its place among all that are stored. Undefined: the head. */
      after: number | undefined;
      /** Added to the version that the client saw last. */
      off: number;
      lease: 'none' | 'newest' | 'oldest';
      /** Gives the lease back, if it has one. */
      release: boolean;
      end: boolean;
      metadata: Record<string, number | undefined> | undefined;
    }
  | { op: 'update'; id: string; metadata: Record<string, number | undefined>; off: number }
  | { op: 'lease'; id: string; ttlMs: number; takeOver: boolean }
  | { op: 'renew' | 'release'; which: 'newest' | 'oldest'; ttlMs: number }
  | { op: 'fork'; id: string; at: number | undefined }
  | { op: 'delete' | 'spend'; id: string }
  | { op: 'list' | 'spendOfOwner' | 'forget' }
  | { op: 'wait'; ms: number };

const id = fc.constantFrom('a', 'b');
const turn = fc.nat(3);
const off = fc.constantFrom(0, 0, 0, 0, -1, 1);
const which = fc.constantFrom('newest', 'oldest');
const ttlMs = fc.constantFrom(50, 200, 5_000);
const metadata = fc.dictionary(fc.constantFrom('x', 'y'), fc.option(fc.nat(9), { nil: undefined }));

/** Commands. Without a clock nothing expires while they run. */
export function commands({ clock }: { clock: boolean }): fc.Arbitrary<Command> {
  const of = <C extends Command>(weight: number, arbitrary: fc.Arbitrary<C>) => ({ weight, arbitrary });
  return fc.oneof(
    of(
      8,
      fc.record({
        op: fc.constant('append'),
        id,
        turn,
        messages: fc.nat(3),
        after: fc.option(fc.nat(20), { nil: undefined, freq: 2 }),
        off,
        lease: fc.constantFrom('none', 'none', 'newest', 'oldest'),
        release: fc.boolean(),
        end: fc.boolean(),
        metadata: fc.option(metadata, { nil: undefined }),
      }),
    ),
    of(
      4,
      fc.record({
        op: fc.constant('load'),
        id,
        last: fc.option(fc.nat(4), { nil: undefined }),
        leaf: fc.option(fc.nat(20), { nil: undefined }),
      }),
    ),
    of(1, fc.record({ op: fc.constant('branches'), id })),
    of(1, fc.record({ op: fc.constant('turn'), id, turn })),
    of(2, fc.record({ op: fc.constant('update'), id, metadata, off })),
    of(
      4,
      fc.record({
        op: fc.constant('lease'),
        id,
        ttlMs: clock ? ttlMs : fc.constant(600_000),
        takeOver: fc.boolean(),
      }),
    ),
    of(
      2,
      fc.record({
        op: fc.constantFrom('renew', 'release'),
        which,
        ttlMs: clock ? ttlMs : fc.constant(600_000),
      }),
    ),
    of(1, fc.record({ op: fc.constant('fork'), id, at: fc.option(fc.nat(5), { nil: undefined }) })),
    of(1, fc.record({ op: fc.constantFrom('delete', 'spend'), id })),
    of(1, fc.record({ op: fc.constantFrom('list', 'spendOfOwner') })),
    of(1, fc.record({ op: fc.constant('forget') })),
    ...(clock
      ? [of(3, fc.record({ op: fc.constant('wait'), ms: fc.constantFrom(10, 60, 300, 1_100) }))]
      : []),
  );
}

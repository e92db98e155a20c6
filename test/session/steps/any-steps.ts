import * as fc from 'fast-check';
import type { Step } from 'sluice';
import { cut, decide, done, inside, reply, say, started, wait, waiting } from './steps.ts';

/** What may be recorded in one round, for each of its calls in any order, and what comes between. */
const roundSteps = (round: number): fc.Arbitrary<Step[]> =>
  fc.integer({ min: 0, max: 4 }).chain((count) => {
    const ids = Array.from({ length: count }, (_, at) => `c${round}_${at}`);
    const some = fc.subarray(ids);
    const call = fc.constantFrom(...ids, 'unknown');
    const step: fc.Arbitrary<Step> = fc.oneof(
      call.map((id) => started(id)),
      call.map((id) => done(id)),
      some.map((list) => wait(...list.map((id) => waiting(id)))),
      call.map((id) => decide(id, `d-${id}`, { approve: true })),
      call.map((id) => decide(id, `d-${id}`, { deny: 'No.' })),
      call.map((id) => decide(id, `d-${id}`, { result: `by hand: ${id}` })),
      call.map((id) => inside(id, reply(0, [`${id}_inner`]))),
      fc.constant(say('Be quick.')),
      fc.constantFrom(undefined, 'Hel', '').map((text) => cut(text)),
    );
    return fc
      .tuple(some, some, fc.array(step, { maxLength: 8 }))
      .map(([starts, waits, steps]) => [reply(round, ids, { starts, waits }), ...steps]);
  });

/** The steps of a turn that ends anywhere. */
export const anySteps: fc.Arbitrary<Step[]> = fc
  .tuple(roundSteps(0), roundSteps(1), roundSteps(2), fc.nat(30))
  .map(([first, second, third, length]) => [...first, ...second, ...third].slice(0, length));

import assert from 'node:assert/strict';

import { SluiceError } from '../../src/index.ts';
import type { Middleware } from '../../src/index.ts';
import type { MiddlewareCase } from './contract.ts';
import { Stage } from './stage.ts';
import type { StageOptions } from './stage.ts';

/** Makes a second attempt after an error, as `retry({ afterContent: 'reset' })` does, but at once and after any error. */
const again: Middleware = async function* again(_context, next) {
  let from: number | undefined;
  try {
    const first = next().tap((chunk) => {
      from ??= chunk.call;
    });
    return yield* first;
  } catch (error) {
    if (from === undefined) return yield* next();
    yield { type: 'reset', from, reason: error instanceof SluiceError ? error.code : 'failed' };
    return yield* next();
  }
};

const attempts: readonly { name: string; after: number; stack: StageOptions }[] = [
  { name: 'a layer above makes a second attempt before any content', after: 0, stack: { above: again } },
  { name: 'a layer above makes a second attempt after some content', after: 1, stack: { above: again } },
  { name: 'a layer below makes a second attempt before any content', after: 0, stack: { below: again } },
  { name: 'a layer below makes a second attempt after some content', after: 1, stack: { below: again } },
];

/** Cases about attempts: what a failed one has left must not show in the answer. */
export const attemptCases: readonly MiddlewareCase[] = attempts.map(({ name, after, stack }) => ({
  name: `gives the same answer if ${name}`,
  unless: ['errors'],
  async run(subject) {
    const whole = { thinking: ['Hm. '], text: ['Rivers ', 'run ', 'down'] };
    const expected = (await new Stage(subject, whole).execute()).response;
    const error = new SluiceError('content_filter', 'The provider stops.');
    const stage = new Stage(subject, [{ text: ['Hills ', 'rise '], error, after }, whole], stack);
    for (const which of ['first', 'second']) {
      const { response } = await stage.execute();
      assert.deepEqual(response, expected, `The ${which} execution gave another answer.`);
    }
  },
}));

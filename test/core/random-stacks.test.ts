import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StreamChunk } from 'sluice';
import { seedOf } from '../session/seed.ts';
import { text } from './harness.ts';
import { consumed, down, examples, retrying, scripts } from './plugins.ts';

/** Frozen, and used by all calls of all stacks. */
const pieces = Array.from({ length: 5 }, (_, index): StreamChunk => Object.freeze(text(`w${index} `)));

const names = [...Object.keys(examples), 'retry', 'retry'];
const stacks = fc
  .array(fc.constantFrom(...names), { maxLength: 5 })
  .chain((layers) => fc.tuple(fc.constant(layers), fc.nat(layers.length)))
  .map(([layers, at]) => layers.toSpliced(at, 0, 'retry'));
const batch = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 3 });
const failing = fc.array(fc.array(batch, { maxLength: 3 }), { maxLength: 3 });
const answer = fc.array(fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 30 }), {
  minLength: 1,
  maxLength: 3,
});

test('R56 in any stack of plugins and retries, the consumer keeps each text once and in its order', async () => {
  const seed = seedOf('random stacks');
  const property = fc.asyncProperty(stacks, failing, answer, async (stack, failures, last) => {
    const said = last
      .flat()
      .map((chunk) => (chunk.type === 'content' ? chunk.content : ''))
      .join('');
    const whole = stack.reduceRight((content, name) => examples[name]?.effect(content) ?? content, said);
    const layers = stack.map((name) => examples[name]?.make() ?? retrying({ maxRetries: 9 }));
    const turns = failures.map((batches) => [...batches, down()]);
    const seen = await consumed([...layers, scripts(...turns, last)]);
    expect(seen).toMatchObject({ content: whole, error: undefined, faults: [] });
    expect(seen.result?.response.content).toBe(whole);
  });
  await fc.assert(property, { seed, numRuns: 1_500 });
});

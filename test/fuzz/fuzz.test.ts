import { expect, it } from 'vitest';
import { WIRES } from '../support/recording-files.ts';
import { check } from './check.ts';
import { bytesOf, play } from './play.ts';
import { fuzz } from './run.ts';

it.each(WIRES)('mutated streams of %s follow the rules of every stream', async (wire) => {
  const { runs, failure } = await fuzz(wire, { seed: 20261129, runs: 150 });
  expect(failure).toBeUndefined();
  expect(runs).toBe(150);
});

const GOOD = [{ choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: 'stop' }] }];
const BROKEN = [...GOOD, { choices: [], error: { message: 'Broken.' } }];

it('finds an error that is ignored', async () => {
  const deaf: typeof play = (wire) => play(wire, bytesOf(wire, GOOD), 1_000);
  await expect(check('openai-chat', BROKEN, 16, deaf)).rejects.toThrow('ended as completed');
});

it('finds a stream that gives a different result in pieces', async () => {
  const forgetful: typeof play = (wire, bytes, readBytes) =>
    play(wire, readBytes === 16 ? bytesOf(wire, GOOD.slice(1)) : bytes, readBytes);
  await expect(check('openai-chat', GOOD, 16, forgetful)).rejects.toThrow('when read in pieces');
});

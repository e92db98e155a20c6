// npm run fuzz -- [--seconds 60] [--seed N]
// Mutated streams of the three wires, those of the recordings too where they are there, against what must hold for every stream.
import { parseArgs } from 'node:util';
import { WIRES } from '../support/recording-files.ts';
import { fuzz } from './run.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 31)}` },
  },
});
const seed = Number(values.seed);
const milliseconds = (Number(values.seconds) * 1_000) / WIRES.length;
if (!(milliseconds > 0)) throw new Error('--seconds takes a number above 0.');
console.log(`seed ${seed}`);
for (const wire of WIRES) {
  const { runs, failure } = await fuzz(wire, { seed, milliseconds });
  console.log(
    `${wire}: ${runs} streams${failure === undefined ? '' : `, and this one does not hold:\n${failure}`}`,
  );
  if (failure !== undefined) process.exitCode = 1;
}

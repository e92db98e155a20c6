// npm run fuzz -- [--seconds 60] [--seed N]
// Checks mutated streams of the three wires, and of the recordings if they exist, against the rules of every stream.
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
if (!(milliseconds > 0)) throw new Error('--seconds must be a number above 0.');
console.log(`seed ${seed}`);
for (const wire of WIRES) {
  const { runs, failure } = await fuzz(wire, { seed, milliseconds });
  console.log(`${wire}: ${runs} streams${failure === undefined ? '' : `, and this one fails:\n${failure}`}`);
  if (failure !== undefined) process.exitCode = 1;
}

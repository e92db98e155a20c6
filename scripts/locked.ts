// Prints packages with the versions that the lockfile has: `node scripts/locked.ts hono pg` prints `hono@4.10.1 pg@8.16.3`. For images, which install packages
// that are optional, and no newer ones than were tested.
import { readFileSync } from 'node:fs';
import * as z from 'zod';

const lockSchema = z.object({
  packages: z.record(z.string(), z.object({ version: z.string().optional() })),
});
const { packages } = lockSchema.parse(
  JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')),
);
const locked = process.argv.slice(2).map((name) => {
  const version = packages[`node_modules/${name}`]?.version;
  if (version === undefined) throw new Error(`The lockfile has no package ${name}.`);
  return `${name}@${version}`;
});
console.log(locked.join(' '));

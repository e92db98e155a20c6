import { execFileSync } from 'node:child_process';
import { newerNode } from '../harness/set-up.ts';

/** A Node.js that the entrants run on. */
export interface Runtime {
  /** `node24`. */
  id: string;
  major: number;
  /** `Node.js 24.21.0`. */
  label: string;
  path: string;
}

/** The Node.js that runs the bench, and the newer one that is installed for it: its `fetch` speaks HTTP/2. */
export function runtimes(): Runtime[] {
  const own = runtime(process.execPath);
  const newer = runtime(newerNode());
  return own.major >= newer.major ? [own] : [own, newer];
}

function runtime(path: string): Runtime {
  const print = 'console.log(process.versions.node)';
  const version = execFileSync(path, ['--eval', print], { encoding: 'utf8' }).trim();
  const major = Number.parseInt(version);
  return { id: `node${major}`, major, label: `Node.js ${version}`, path };
}

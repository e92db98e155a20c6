import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';

/** Describes the machine and the versions, as lines of text. */
export function machine(): string[] {
  const { node, v8 } = process.versions;
  const [kernel = 'unknown'] = release().split('-');
  return [
    `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GB; ${platform()} ${kernel}`,
    `Node.js ${node} (V8 ${v8}); load before the first run: ${loadavg()[0]?.toFixed(2) ?? 'unknown'}`,
    `Sluice at ${commit()}; ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
  ];
}

function commit(): string {
  try {
    const git = (...parameters: string[]): string =>
      execFileSync('git', parameters, { encoding: 'utf8' }).trim();
    const changed =
      git('status', '--porcelain', '--untracked-files=no') === ''
        ? ''
        : ', with changes that are not committed';
    return `commit ${git('rev-parse', '--short', 'HEAD')}${changed}`;
  } catch {
    return 'no commit';
  }
}

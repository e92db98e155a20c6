import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A runtime of the matrix. */
export interface Runtime {
  readonly name: string;
  /** Its program, from `node_modules` of this folder. */
  readonly path: string;
  /** What it gets in front of the file. */
  readonly flags: readonly string[];
  readonly kind: 'command' | 'worker' | 'too old';
}

const { platform, arch } = process;
const cpu = arch === 'arm64' ? 'arm64' : 'x64';

const node = (major: number, kind: Runtime['kind'] = 'command'): Runtime => ({
  name: `Node ${major}`,
  path: `node-${platform}-${cpu}-${major}/bin/node`,
  flags: [],
  kind,
});

/** The runtimes beside the Node of the repository. */
export const runtimes: readonly Runtime[] = [
  node(20, 'too old'),
  node(22),
  { name: 'Node 24', path: '../../../node_modules/.bin/node', flags: [], kind: 'command' },
  node(26),
  {
    name: 'Bun',
    path: `@oven/bun-${platform}-${arch === 'arm64' ? 'aarch64' : 'x64'}/bin/bun`,
    flags: ['run'],
    kind: 'command',
  },
  {
    name: 'Deno',
    path: `@deno/${platform}-${cpu}${platform === 'linux' ? '-glibc' : ''}/deno`,
    flags: ['run', '--allow-all', '--node-modules-dir=manual', '--no-check', '--quiet'],
    kind: 'command',
  },
  {
    name: 'workerd',
    path: `@cloudflare/workerd-${platform}-${arch === 'arm64' ? 'arm64' : '64'}/bin/workerd`,
    flags: [],
    kind: 'worker',
  },
];

/** The absolute path of a runtime's program. Undefined if it is not installed, for example because there is none for this machine. */
export function programOf({ path }: Runtime): string | undefined {
  const found = fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));
  return existsSync(found) ? found : undefined;
}

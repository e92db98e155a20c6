import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../scripts/entry-points.ts';
import { childEnvironment } from '../support/child-environment.ts';
import { endsWithUs } from '../support/ends-with-us.ts';
import { freePort } from '../support/free-port.ts';
import { nginxConfig } from '../support/nginx.ts';

/** The balancers that `deploy/` has samples for. */
export const BALANCERS = ['nginx', 'caddy'] as const;

/** One of {@link BALANCERS}. */
export type BalancerName = (typeof BALANCERS)[number];

/** A balancer that runs, with our sample as its configuration. */
export interface Balancer extends AsyncDisposable {
  readonly url: string;
}

/** Whether a balancer is installed. If not, prints a warning, or throws if services are required. */
export function hasBalancer(name: BalancerName): boolean {
  const { error } = spawnSync(name, [name === 'nginx' ? '-v' : 'version']);
  if (error === undefined) return true;
  if (process.env['SLUICE_REQUIRE_SERVICES'] === '1') throw error;
  console.warn(`${name} is not installed. The tests of the sample for it are skipped.`);
  return false;
}

/** Starts a balancer with the sample in `deploy/`, in front of servers on these ports. `change` replaces more of the sample. */
export async function balancer(
  name: BalancerName,
  ports: readonly number[],
  change: (sample: string) => string = (sample) => sample,
): Promise<Balancer> {
  const folder = await mkdtemp(join(tmpdir(), `sluice-${name}-`));
  const port = await freePort();
  const file = name === 'nginx' ? 'nginx.conf' : 'Caddyfile';
  const sample = change(await readFile(join(root, 'deploy', file), 'utf8'));
  const config = name === 'nginx' ? forNginx(sample, port, ports, folder) : forCaddy(sample, port, ports);
  await writeFile(join(folder, file), config);
  const given =
    name === 'nginx'
      ? ['-p', folder, '-c', join(folder, file), '-e', 'stderr']
      : ['run', '--config', join(folder, file), '--adapter', 'caddyfile'];
  const env = { ...childEnvironment(), HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const child = endsWithUs(spawn(name, given, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] }));
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const gone = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  while (!(await answers(`${url}/health`))) {
    if (child.exitCode !== null) throw new Error(`${name} does not start: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Replaces a part of a sample, which must be there. */
export function replaced(sample: string, part: string, by: string): string {
  if (!sample.includes(part)) throw new Error(`The sample has no "${part}".`);
  return sample.replace(part, by);
}

function forNginx(sample: string, port: number, ports: readonly number[], folder: string): string {
  const servers = ports.map((one) => `server 127.0.0.1:${one};`).join(' ');
  const inside = replaced(
    replaced(sample, 'server server:3000;', servers),
    'listen 80;',
    `listen 127.0.0.1:${port};`,
  );
  return nginxConfig(folder, 256, inside);
}

function forCaddy(sample: string, port: number, ports: readonly number[]): string {
  const servers = ports.map((one) => `127.0.0.1:${one}`).join(' ');
  const inside = replaced(
    replaced(sample, 'server-1:3000 server-2:3000', servers),
    'chat.example.com {',
    `http://127.0.0.1:${port} {`,
  );
  return `{\n\tadmin off\n\tauto_https off\n}\n${inside}`;
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

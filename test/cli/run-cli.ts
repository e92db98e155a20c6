import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { childEnvironment } from '../support/child-environment.ts';
import { endsWithUs } from '../support/ends-with-us.ts';

/** The source of the command line; this version of Node runs it without a build. */
const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

/** A running command line. */
export interface RunningCli extends AsyncDisposable {
  readonly process: ChildProcessWithoutNullStreams;
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves when a pattern appears in either output, after the text that was waited for before. */
  sees(pattern: string | RegExp): Promise<void>;
  /** Resolves when it has ended, with the exit code or the signal that killed it. */
  readonly ended: Promise<number | string>;
}

/** How to run it. */
export interface RunOptions {
  /** Variables besides those of `childEnvironment()`. The keys of the test's own environment are not passed on. */
  environment?: Record<string, string>;
  /** The piped input. Default: an empty input. `null` leaves the pipe open. */
  input?: string | null;
  /** Options of Node itself. */
  nodeOptions?: readonly string[];
  /** The folder that it runs in. Default: that of the tests. */
  folder?: string;
}

/** Starts `sluice` with these arguments in a process of its own. */
export function startCli(args: readonly string[], options: RunOptions = {}): RunningCli {
  const running = start(
    process.execPath,
    [...(options.nodeOptions ?? []), MAIN, ...args],
    options.environment,
    options.folder,
  );
  const { input = '' } = options;
  if (input !== null) running.process.stdin.end(input);
  return running;
}

/** Runs `sluice` to its end. */
export async function runCli(
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ code: number | string; stdout: string; stderr: string }> {
  await using running = startCli(args, options);
  const code = await running.ended;
  return { code, stdout: running.stdout, stderr: running.stderr };
}

/** Runs a command on a terminal of its own; part of util-linux. */
const PSEUDO_TERMINAL = 'script';

/** Whether the command `script` of util-linux is installed, which gives a process a terminal. */
export function hasPseudoTerminal(): boolean {
  const { stdout } = spawnSync(PSEUDO_TERMINAL, ['--version'], { encoding: 'utf8' });
  return stdout?.includes('util-linux') ?? false;
}

/** Starts `sluice` on a terminal of its own. What is written to its stdin is typed; its stdout is the screen. */
export function startCliOnTerminal(
  args: readonly string[],
  environment: Record<string, string> = {},
): RunningCli {
  const command = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ');
  const script = [
    '--quiet',
    '--flush',
    '--return',
    '--echo',
    'never',
    '--command',
    `exec ${command}`,
    '/dev/null',
  ];
  return start(PSEUDO_TERMINAL, script, { TERM: 'xterm', SHELL: '/bin/sh', ...environment });
}

function start(
  file: string,
  args: readonly string[],
  environment: Record<string, string> = {},
  folder?: string,
): RunningCli {
  const env = { ...childEnvironment(), NODE_NO_WARNINGS: '1', ...environment };
  const child = endsWithUs(spawn(file, args, { env, stdio: 'pipe', cwd: folder }));
  const text = { stdout: '', stderr: '', both: '' };
  const watchers = new Set<() => void>();
  let seen = 0;
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (piece: string) => {
      text[name] += piece;
      text.both += piece;
      for (const watch of watchers) watch();
    });
  }
  // A process that has ended cannot read what is still typed.
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'close').then(([code, signal]: unknown[]) =>
    typeof code === 'number' ? code : String(signal),
  );

  return {
    process: child,
    get stdout() {
      return text.stdout;
    },
    get stderr() {
      return text.stderr;
    },
    sees(pattern) {
      return new Promise((resolve, reject) => {
        function watch(): void {
          const rest = text.both.slice(seen);
          if (typeof pattern === 'string' ? !rest.includes(pattern) : !pattern.test(rest)) return;
          watchers.delete(watch);
          seen = text.both.length;
          resolve();
        }
        watchers.add(watch);
        watch();
        void ended.then((code) =>
          reject(
            new Error(`ended with ${code} before ${String(pattern)} was seen: ${text.both.slice(seen)}`),
          ),
        );
      });
    },
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

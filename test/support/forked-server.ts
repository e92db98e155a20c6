import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { endsWithUs } from './ends-with-us.ts';

/** A server in a process of its own. */
export interface ForkedServer {
  /** Its address. */
  readonly url: string;
  /** All that it answered. */
  readonly told: object;
  readonly process: ChildProcess;
  /** Kills it (`SIGKILL`). Resolves when it is gone. */
  kill(): Promise<void>;
}

/**
 * Starts a module in a process of its own. It gets `spec` as its first message, and answers `{ url }` when it listens, or `{ error }`. Rejects if it ends before.
 */
export async function forkedServer(
  module: URL,
  spec: object,
  execArgv: readonly string[] = [],
): Promise<ForkedServer> {
  const child = endsWithUs(
    fork(fileURLToPath(module), [], {
      execArgv: [...execArgv],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }),
  );
  const gone = once(child, 'exit');
  child.send(spec);
  const said: unknown = await Promise.race([
    once(child, 'message').then(([message]: unknown[]) => message),
    gone.then(([code]: unknown[]) => ({ error: `it ended with ${String(code)}` })),
  ]);
  const url: unknown = Reflect.get(Object(said), 'url');
  if (typeof url !== 'string')
    throw new Error(`A server did not start: ${String(Reflect.get(Object(said), 'error'))}`);
  return {
    url,
    told: Object(said),
    process: child,
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

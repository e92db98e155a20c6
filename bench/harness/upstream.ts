import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromUpstream, UpstreamTask, Uses } from '../upstream/main.ts';

/** The process of the mock upstream. */
export interface Upstream {
  /** Its addresses, one for each port. */
  origins: [string, ...string[]];
  /** What the clients have used since the last time this was asked. Empty without TLS. */
  uses(): Promise<Uses>;
  close(): void;
}

/** Starts the upstream: with plain HTTP/1.1 on one port, or as the task says. */
export async function startUpstream(task: UpstreamTask = { ports: 1 }): Promise<Upstream> {
  const child = fork(fileURLToPath(new URL('../upstream/main.ts', import.meta.url)), [JSON.stringify(task)], {
    execArgv: ['--no-warnings'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  function next(): Promise<FromUpstream> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error('The upstream has ended.'));
      child.once('exit', onExit);
      child.once('message', (message) => {
        child.off('exit', onExit);
        resolve(message as FromUpstream);
      });
    });
  }
  const { ports = [] } = await next();
  const [first, ...others] = ports.map(
    (port) => `${task.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
  );
  if (first === undefined) throw new Error('The upstream listens on no port.');
  return {
    origins: [first, ...others],
    async uses() {
      const answer = next();
      child.send('uses');
      return (await answer).uses ?? {};
    },
    close: () => void child.kill(),
  };
}

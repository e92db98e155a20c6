import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Answer } from './answering.ts';
import type { Side } from './rounds.ts';

/** The parent's view of a worker process. */
export class Worker<Result> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #name: string;
  #last: Promise<unknown>;
  /** The end of its error output, shown if it fails. */
  #complaints = '';

  /** Starts the process. Measure nothing before `ready()` resolves. */
  constructor({ label, module, task, node = process.execPath, env }: Side) {
    this.#name = label;
    this.#child = fork(fileURLToPath(new URL(`../${module}`, import.meta.url)), [JSON.stringify(task)], {
      execPath: node,
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production', ...env },
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-2_000);
    });
    this.#last = this.#answer();
    this.#last.catch(() => undefined);
  }

  async ready(): Promise<void> {
    await this.#last;
  }

  /** Does one run. */
  async run(): Promise<Result> {
    await this.#last;
    const answer = this.#answer();
    this.#last = answer;
    this.#child.send('run');
    return (await answer) as Result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await gone;
  }

  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle = (done: () => void): void => {
        this.#child.off('message', onMessage);
        this.#child.off('exit', onExit);
        done();
      };
      const onMessage = (answer: Answer): void => {
        settle(() => {
          if ('error' in answer) reject(new Error(`${this.#name}: ${answer.error}`));
          else resolve('result' in answer ? answer.result : undefined);
        });
      };
      const onExit = (code: number | null): void => {
        settle(() =>
          reject(new Error(`${this.#name} exited with code ${code ?? 'none'}.\n${this.#complaints}`)),
        );
      };
      this.#child.on('message', onMessage);
      this.#child.on('exit', onExit);
    });
  }
}

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { endsWithUs } from '../../support/ends-with-us.ts';
import { oneOf } from '../random.ts';
import type { Random } from '../random.ts';
import type { Answer, ChildSpec, Order } from './child.ts';

const DIED = 'died';

/** A process that runs turns. */
class Child {
  readonly ready: Promise<unknown>;
  readonly #process: ChildProcess;
  readonly #runs = new Map<string, (answer: Answer | typeof DIED) => void>();
  #isKilled = false;
  #errors = '';

  constructor(entry: string, spec: ChildSpec, onBroken: (text: string) => void) {
    this.#process = endsWithUs(
      fork(entry, [JSON.stringify(spec)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] }),
    );
    const ready = once(this.#process, 'message').then(() => {
      this.#process.on('message', (said) => this.#answered(said as Answer));
    });
    this.#process.stderr?.on('data', (data) => (this.#errors += String(data)));
    // What it has said before it was killed is still read.
    const ended = Promise.all([once(this.#process, 'exit'), once(this.#process, 'disconnect')]);
    const gone = ended.then(([[code]]) => {
      if (!this.#isKilled) onBroken(`a process ended by itself: ${String(code)} ${this.#errors}`);
      for (const resolve of this.#runs.values()) resolve(DIED);
      this.#runs.clear();
    });
    this.ready = Promise.race([ready, gone]);
  }

  get isBusy(): boolean {
    return this.#runs.size > 0;
  }

  run(order: Order): Promise<Answer | typeof DIED> {
    const answer = Promise.withResolvers<Answer | typeof DIED>();
    this.#runs.set(order.run, answer.resolve);
    // If it is gone already, its end answers.
    this.#process.send(order, () => undefined);
    return answer.promise;
  }

  kill(): void {
    this.#isKilled = true;
    this.#process.kill('SIGKILL');
  }

  #answered(answer: Answer): void {
    this.#runs.get(answer.run)?.(answer);
    this.#runs.delete(answer.run);
  }
}

/** Settings of {@link Children}. */
export interface ChildrenOptions {
  /** How many run turns at the same time. */
  count: number;
  /** The settings of the process with this number. */
  spec: (number: number) => ChildSpec;
  onBroken: (text: string) => void;
}

/** Processes that run turns, and others that have loaded everything and wait: a process that is killed is replaced at once. */
export class Children {
  readonly #options: ChildrenOptions;
  readonly #folder: string;
  readonly #active: Child[] = [];
  #spares: Child[] = [];
  #started = 0;

  private constructor(options: ChildrenOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  /** Starts the processes, of one file: a process that loads hundreds of files starts five times slower. */
  static async start(options: ChildrenOptions): Promise<Children> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-child-'));
    await build({
      entryPoints: [fileURLToPath(new URL('child.ts', import.meta.url))],
      ...{ bundle: true, platform: 'node', format: 'esm', splitting: true, logLevel: 'error' },
      outdir: folder,
      outExtension: { '.js': '.mjs' },
      // Packages in the other format require modules of Node.
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
      external: ['pg-native'],
    });
    const children = new Children(options, folder);
    for (let at = 0; at < options.count; at++) children.#active.push(await children.#next());
    return children;
  }

  /** Whether one of them runs a turn. */
  get isBusy(): boolean {
    return this.#active.some((child) => child.isBusy);
  }

  /** Runs a turn in one of them. Resolves to `died` if it was killed before it answered. */
  run(order: Order, random: Random): Promise<Answer | typeof DIED> {
    return oneOf(random, this.#active).run(order);
  }

  /** Kills one that runs a turn, if there is one, and puts another in its place. */
  async kill(random: Random): Promise<void> {
    const busy = this.#active.filter((child) => child.isBusy);
    const child = oneOf(random, busy.length > 0 ? busy : this.#active);
    const next = await this.#next();
    child.kill();
    this.#active.splice(this.#active.indexOf(child), 1, next);
  }

  async stop(): Promise<void> {
    for (const child of [...this.#active, ...this.#spares]) child.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** A process that is ready. Another one begins to load. */
  async #next(): Promise<Child> {
    while (this.#spares.length < 2) this.#spares.push(this.#spawn());
    const [child = this.#spawn(), ...rest] = this.#spares;
    this.#spares = [...rest, this.#spawn()];
    await child.ready;
    return child;
  }

  #spawn(): Child {
    const { spec, onBroken } = this.#options;
    return new Child(join(this.#folder, 'child.mjs'), spec(this.#started++), onBroken);
  }
}

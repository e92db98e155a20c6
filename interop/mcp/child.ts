import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { JSONRPCMessage, ReadBuffer, Transport } from '@modelcontextprotocol/client';
import { SluiceError } from '../../src/index.ts';
import { Timer, scrub, withDeadline } from '../../src/kit/index.ts';
import type { ChildSettings } from './options.ts';
import { shown } from './values.ts';

/** What is used of the official client. */
export interface ChildParts {
  readonly messages: ReadBuffer;
  readonly serialize: (message: JSONRPCMessage) => string;
  /** The variables that a server may see although nobody has given them. */
  readonly environment: Record<string, string>;
}

/** How long the last words of a process that has ended may take, in milliseconds: a process of its own may hold its pipes. */
const LAST_WORDS_MS = 100;
/** How much is kept of what a process says beside the protocol. */
const MAX_SAID_CHARACTERS = 2_000;

/**
 * A server that is a process of ours, over its standard input and output. It is started once. When it ends, everything that waits for it fails at once. It has a group of its
 * own, so that processes that it has started end with it.
 */
export class ChildTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  /** The official client takes what has `stderr` and `pid` for a process. */
  readonly stderr = null;
  readonly #settings: ChildSettings;
  readonly #parts: ChildParts;
  #child: ChildProcess | undefined;
  #said = '';
  #isClosed = false;
  readonly #ended = Promise.withResolvers<void>();

  constructor(settings: ChildSettings, parts: ChildParts) {
    this.#settings = settings;
    this.#parts = parts;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** How it has ended; undefined while it runs. */
  get end(): string | undefined {
    const child = this.#child;
    if (child?.pid === undefined || !hasEnded(child)) return undefined;
    const how = child.exitCode === null ? `by ${child.signalCode}` : `with code ${child.exitCode}`;
    return `the process has ended ${how}`;
  }

  /** The last that it said beside the protocol, without keys. For people only: it is not for a model. */
  get lastWords(): string {
    return scrub(shown(this.#said.trim(), MAX_SAID_CHARACTERS));
  }

  async start(): Promise<void> {
    if (this.#child !== undefined)
      throw new SluiceError(
        'network',
        'The process of the server was started before, and is not started twice.',
      );
    const { command, args = [], env, cwd, stderr = 'ignore' } = this.#settings;
    const child = spawn(command, args, {
      env: { ...this.#parts.environment, ...env },
      cwd,
      stdio: ['pipe', 'pipe', stderr === 'inherit' ? 'inherit' : 'pipe'],
      detached: true,
      shell: false,
    });
    this.#child = child;
    endsWithUs(child);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-MAX_SAID_CHARACTERS);
    });
    child.stdout?.on('data', (bytes: Buffer) => this.#read(bytes));
    for (const pipe of [child.stdin, child.stdout, child.stderr])
      pipe?.on('error', (error) => this.onerror?.(error));
    const lastWords = new Timer(() => this.#close());
    child.once('exit', () => lastWords.start(LAST_WORDS_MS));
    child.once('close', () => {
      lastWords.stop();
      this.#close();
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => {
        this.#close();
        reject(error);
      });
    });
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#child?.stdin;
    if (this.#isClosed || stdin === null || stdin === undefined || stdin.destroyed)
      throw new SluiceError('network', `The server is gone: ${this.end ?? 'it was closed'}`);
    if (stdin.write(this.#parts.serialize(message))) return;
    // The buffer is full. If the process ends meanwhile, the client learns it by onclose.
    await Promise.race([new Promise((resolve) => stdin.once('drain', resolve)), this.#ended.promise]);
  }

  /** Ends the process: its input ends, then it is asked to stop, then it is made to. Resolves when it is gone. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) {
      this.#close();
      return;
    }
    const step = this.#settings.closeTimeoutMs / 2;
    child.stdin?.end();
    if (!(await this.#hasGone(step))) {
      kill(child, 'SIGTERM');
      if (!(await this.#hasGone(step))) {
        kill(child, 'SIGKILL');
        await this.#hasGone(this.#settings.closeTimeoutMs);
      }
    }
    this.#close();
  }

  async #hasGone(ms: number): Promise<boolean> {
    return withDeadline(this.#ended.promise, ms).then(
      () => true,
      () => false,
    );
  }

  #read(bytes: Buffer): void {
    try {
      this.#parts.messages.append(bytes);
    } catch (error) {
      // A message that is longer than may be.
      this.#failed(error);
      void this.close();
      return;
    }
    for (;;) {
      try {
        const message = this.#parts.messages.readMessage();
        if (message === null) return;
        this.onmessage?.(message);
      } catch (error) {
        // A line that is not a message is left out.
        this.#failed(error);
      }
    }
  }

  #failed(error: unknown): void {
    this.onerror?.(error instanceof Error ? error : new Error(String(error)));
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const child = this.#child;
    if (child !== undefined) {
      endedItself(child);
      // What it has started ends with it.
      kill(child, 'SIGTERM');
      child.stdin?.destroy();
      child.stdout?.destroy();
      child.stderr?.destroy();
    }
    this.#parts.messages.clear();
    this.#ended.resolve();
    this.onclose?.();
  }
}

/** The processes that run. They are in groups of their own, so that nothing ends them with this process but this. */
const running = new Set<ChildProcess>();

function endsWithUs(child: ChildProcess): void {
  if (running.size === 0) process.once('exit', endAll);
  running.add(child);
}

function endedItself(child: ChildProcess): void {
  if (running.delete(child) && running.size === 0) process.removeListener('exit', endAll);
}

function endAll(): void {
  for (const child of running) kill(child, 'SIGKILL');
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** The group of a process is named by a negative id. */
function kill({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Nothing of it is left.
  }
}

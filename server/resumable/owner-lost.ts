import { isSluiceError } from '../../src/index.ts';
import type { Pipeline } from '../../src/index.ts';
import type { LoggedStart, OpenedOwner, Page, StreamKey } from '../log/chunk-log.ts';
import { nameOf } from '../log/watchers.ts';
import { endOfLost, endOfStopped } from './ends.ts';
import { endLost } from './lost-turn.ts';
import type { Settings } from './options.ts';
import { keptRequest } from './run-request.ts';
import type { RunRequest } from './run-request.ts';
import { TakeoverBudget } from './takeover-budget.ts';

/** What it needs to take a turn over. */
export interface TakerHost {
  readonly settings: Settings;
  /** Whether this process begins no run any more. */
  isClosing(this: void): boolean;
  /** The pipeline of the turn, if this process has it. */
  pipelineOf(this: void, start: LoggedStart): Pipeline | undefined;
  /** Runs a turn that was taken over. */
  begin(this: void, key: StreamKey, start: LoggedStart, opened: OpenedOwner, request: RunRequest): void;
}

/** Does what is to be done about streams whose lease is over: each once at a time in this process, whoever asks. */
export class OwnerLost {
  readonly #host: TakerHost;
  readonly #budget = new TakeoverBudget();
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(host: TakerHost) {
    this.#host = host;
  }

  /** Ends the stream, or goes on with it. If the log does not answer, or another process was faster, nothing: look again. */
  handle(key: StreamKey, page: Page): Promise<void> {
    const name = nameOf(key);
    let handling = this.#underWay.get(name);
    if (handling === undefined) {
      handling = this.#handle(key, page)
        .catch(ignoreStoreFailure)
        .finally(() => this.#underWay.delete(name));
      this.#underWay.set(name, handling);
    }
    return handling;
  }

  async #handle(key: StreamKey, page: Page): Promise<void> {
    const { stop, start } = page;
    const request = stop === undefined ? this.#requestFor(page) : undefined;
    // It has been taken over before, and its process died, too.
    const isAgain = page.takeovers > 0 && page.released !== true;
    if (request === undefined || (isAgain && !this.#budget.take())) {
      await this.#end(key, page);
      return;
    }
    let isTaken = false;
    try {
      if (this.#host.isClosing()) return;
      const opened = await this.#taken(key, start);
      if (opened === undefined) return;
      isTaken = true;
      const pipeline = this.#host.pipelineOf(start);
      if (opened.stop === undefined || pipeline === undefined) this.#host.begin(key, start, opened, request);
      else await endLost(pipeline, this.#host, { key, start, opened });
    } finally {
      if (isAgain && !isTaken) this.#budget.giveBack();
    }
  }

  /** Nobody goes on with it. What was seen of a turn of a session is stored, which takes a while: so the stream is taken over for that. */
  async #end(key: StreamKey, { start, stop }: Page): Promise<void> {
    const { settings } = this.#host;
    const pipeline = this.#host.pipelineOf(start);
    if (start.session === undefined || pipeline === undefined) {
      const end = stop === undefined ? endOfLost() : endOfStopped(stop, 'finder');
      await settings.log.settle(key, end, { graceMs: settings.graceMs });
      return;
    }
    if (this.#host.isClosing() && settings.log.isShared !== false) return;
    const opened = await this.#taken(key, start);
    if (opened !== undefined) await endLost(pipeline, this.#host, { key, start, opened });
  }

  /** Undefined: another process was faster, or the dead one is alive. */
  async #taken(key: StreamKey, start: LoggedStart): Promise<OpenedOwner | undefined> {
    const { log, leaseMs, graceMs } = this.#host.settings;
    const opened = await log.open(key, start, { leaseMs, graceMs, takeOver: true });
    return opened.as === 'owner' ? opened : undefined;
  }

  /** A run of this process has completed. */
  completed(): void {
    this.#budget.succeeded();
  }

  /** What to run if the turn may be taken over. */
  #requestFor({ start, takeovers, released }: Page): RunRequest | undefined {
    const { onOwnerLost, maxTakeovers } = this.#host.settings;
    if (onOwnerLost === 'end' || (released !== true && takeovers >= maxTakeovers)) return undefined;
    if (onOwnerLost === 'resume' && start.session === undefined) return undefined;
    return this.#host.pipelineOf(start) === undefined ? undefined : keptRequest(start.request);
  }
}

/** A reader asks again, and waits for the log as long as for a read. */
function ignoreStoreFailure(error: unknown): void {
  if (!isSluiceError(error) || error.code !== 'store') throw error;
}

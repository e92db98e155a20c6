import { Running } from '../../src/kit/index.ts';
import type { Entry } from '../../src/kit/index.ts';
import type { StreamKey } from '../log/chunk-log.ts';
import type { Run } from './run.ts';

/**
 * The turns that run in this process. A list, which keeps no run that has ended; a reader finds its run once, when it joins. Of two runs of one stream, the newer one is meant: an
 * older one has lost the stream.
 */
export class RunsHere {
  readonly #running = new Running<Run>();

  get size(): number {
    return this.#running.size;
  }

  /** All of them, at this moment. */
  get all(): readonly Run[] {
    return this.#running.all;
  }

  /** Adds a run until it is over. */
  add(run: Run): void {
    const older = this.#entryOf(run.key);
    if (older !== undefined) this.#running.delete(older);
    const entry: Entry<Run> = { one: run, place: undefined };
    this.#running.add(entry);
    void run.finished.then(() => this.#running.delete(entry));
  }

  /** The run of a stream, if it is here and has not lost it. */
  of(key: StreamKey): Run | undefined {
    const run = this.#entryOf(key)?.one;
    return run?.writer.lost === undefined ? run : undefined;
  }

  #entryOf({ owner, id }: StreamKey): Entry<Run> | undefined {
    return this.#running.find(({ key }) => key.id === id && key.owner === owner);
  }
}

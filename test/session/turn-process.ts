import type fc from 'fast-check';
import { Pipeline, Stream, isSluiceError, terminal } from 'sluice';
import type { ExecutionOptions, ExecutionResult, Middleware, Reply, StateStore, StreamChunk } from 'sluice';
import { tokens } from '../core/harness.ts';
import type { Act, LogLine } from '../histories/log.ts';
import { TurnId } from '../histories/model.ts';
import { ASKED, END, inputFault, nameOf, stamped } from '../histories/stamp.ts';
import { WatchedStore } from '../histories/watched-store.ts';
import { ScheduledStore, type Fate } from './scheduled-store.ts';

const LEASE_MS = 15_000;

/** A turn that somebody asks of a process. */
export interface Ask {
  turn: string;
  session: string;
  act: Act;
  onBusy: 'queue' | 'reject' | 'supersede';
  /** Whether its caller leaves once, at a time that the scheduler chooses. */
  leaves: boolean;
}

/** A process: a pipeline over a store, and callers who ask again until they have an answer. */
export class TurnProcess {
  readonly #scheduler: fc.Scheduler;
  readonly #line: ScheduledStore;
  readonly #pipeline: Pipeline;
  readonly #log: LogLine[];
  readonly #random: () => number;
  /** How much was logged when a session was leased last. */
  readonly #leasedAt = new Map<string, number>();
  readonly #died = Promise.withResolvers<false>();
  #dead = false;

  constructor(options: {
    store: StateStore;
    scheduler: fc.Scheduler;
    fate: () => Fate;
    log: LogLine[];
    /** Sets this process's callers apart. */
    random: () => number;
    historyLimit: number | undefined;
  }) {
    const { store, scheduler, fate, log, random, historyLimit } = options;
    this.#scheduler = scheduler;
    this.#log = log;
    this.#random = random;
    this.#line = new ScheduledStore(store, scheduler, fate);
    const lease = this.#line.lease.bind(this.#line);
    this.#line.lease = async (key, ...given) => {
      const leased = await lease(key, ...given);
      this.#leasedAt.set(typeof key === 'string' ? key : key.id, log.length);
      return leased;
    };
    const watched = new WatchedStore(this.#line, LEASE_MS, (session, id) =>
      log.push({ what: 'move', session, id }),
    );
    this.#pipeline = new Pipeline([this.#model(watched, historyLimit !== undefined)], {
      store: watched,
      executionTimeoutMs: 0,
      ...(historyLimit !== undefined && { historyLimit }),
    });
  }

  /** Ends the process at once: its callers ask another one. */
  die(): void {
    this.#dead = true;
    this.#line.die();
    this.#died.resolve(false);
  }

  /** Asks until the turn is stored; false if the process died before. */
  ask(ask: Ask): Promise<boolean> {
    return Promise.race([this.#ask(ask), this.#died.promise]);
  }

  async #ask(ask: Ask): Promise<boolean> {
    const { turn, session, onBusy, leaves } = ask;
    for (let tries = 0; !this.#dead; tries++) {
      const controller = new AbortController();
      if (leaves && tries === 0)
        void this.#scheduler
          .schedule(Promise.resolve(), `${turn}: its caller leaves`)
          .then(() => controller.abort());
      const asked = this.#send(ask, {
        turnId: turn,
        // Callers that always reject or supersede may keep each other out forever.
        onBusy: tries < 2 ? onBusy : 'queue',
        signal: controller.signal,
        values: [TurnId.with(turn)],
      });
      try {
        const { response, replayed, unsaved } = await asked;
        if (this.#dead) return false;
        if (unsaved === undefined) {
          this.#log.push({
            what: 'ack',
            turn,
            session,
            content: response.content,
            replayed: replayed === true,
          });
          return true;
        }
      } catch (error) {
        if (!isSluiceError(error)) throw error;
        if (error.code === 'middleware') throw error;
        if (error.code === 'conflict' || error.code === 'not_found') {
          // Another branch is loaded now, or there is nothing to answer anew.
          this.#log.push({ what: 'abandon', turn, session });
          return true;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 50 + 100 * this.#random()));
    }
    return false;
  }

  async #send({ turn, session, act }: Ask, options: ExecutionOptions): Promise<ExecutionResult> {
    const key = { owner: 'o', id: session };
    if (act.does === 'say') return this.#pipeline.executeWithContext(key, 'user', turn, options);
    const stream =
      act.does === 'edit'
        ? this.#pipeline.edit(key, act.of, turn, options)
        : this.#pipeline.regenerate(key, options);
    await stream.text();
    return stream.result;
  }

  /** Selects a branch. Nobody does that again if it fails. */
  async select(session: string): Promise<void> {
    const key = { owner: 'o', id: session };
    try {
      const branches = await this.#pipeline.branches(key);
      const branch = branches[Math.floor(this.#random() * branches.length)];
      if (branch !== undefined) await this.#pipeline.switchTo(key, branch.id);
    } catch (error) {
      if (!isSluiceError(error)) throw error;
    }
  }

  #model(watched: WatchedStore, windowed: boolean): Middleware {
    let runs = 0;
    const name = Math.floor(this.#random() * 1e9).toString(36);
    return terminal({ name: 'model', provider: 'model', model: 'model-1' }, (context, call) => {
      const scheduler = this.#scheduler;
      const log = this.#log;
      const session = context.session?.id ?? '';
      const before = log.slice(0, this.#leasedAt.get(session));
      async function* answer(): AsyncGenerator<StreamChunk, Reply> {
        const { messages } = context.request;
        const fault = inputFault(messages);
        if (fault !== undefined) log.push({ what: 'violation', text: `asked with ${fault}` });
        const turn = context.get(TurnId) ?? '';
        if (before.some((line) => line.what === 'ack' && line.turn === turn))
          log.push({ what: 'violation', text: `${turn} was acknowledged, and runs again` });
        const { version, inputOf } = watched.seen(session);
        const asked = messages.slice(-ASKED).map(nameOf);
        const stamp = {
          turn,
          nonce: `${name}-${runs++}`,
          seen: version,
          fresh: inputOf === turn,
          asked,
          windowed,
        };
        yield { type: 'content', content: stamped(stamp) };
        await scheduler.schedule(Promise.resolve(), `${turn}: the model goes on`);
        call.usage = tokens(1, 1);
        yield { type: 'content', content: END };
        return { finishReason: 'stop', usage: tokens(1, 1) };
      }
      return Stream.from<StreamChunk, Reply>(answer(), { finishReason: 'other' });
    });
  }
}

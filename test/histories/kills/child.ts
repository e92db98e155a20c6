// One process of a history of kills. It runs the turns that it is given, several at once, until it is killed or told to end.
import { Pipeline, decide, isSluiceError } from '../../../src/index.ts';
import type { Decision } from '../../../src/index.ts';
import { tools } from '../../../middleware/tools.ts';
import { openStore } from '../open-store.ts';
import type { StoreSpec } from '../open-store.ts';
import { Lines } from './lines.ts';
import type { KillWord } from './lines.ts';
import { killModel } from './model.ts';
import { MAX_PARALLEL } from './plan.ts';
import { killTools } from './tools.ts';
import { WatchedRun } from './watched-run.ts';

/** The settings of a process, passed as its only argument. */
export interface ChildSpec {
  store: StoreSpec;
  lines: string;
  leaseMs: number;
}

/** A turn to run, or decisions about calls of it that wait. */
export interface Order {
  /** Unique for this run. */
  run: string;
  turn: string;
  key: { owner: string; id: string };
  onBusy: 'queue' | 'supersede';
  decisions?: Decisions;
}

/** Decisions, and their id. */
export interface Decisions {
  by: string;
  on: Record<string, Decision>;
}

/** A call that waits. */
export interface Waiting {
  callId: string;
  waitsFor: string;
}

/** What a run has come to. */
export type Answer = { run: string } & (
  | {
      outcome: string;
      reason: string | undefined;
      content: string;
      replayed: boolean;
      unsaved: boolean;
      pending: Waiting[];
    }
  | { code: string }
);

const spec = JSON.parse(process.argv[2] ?? '') as ChildSpec;
const lines = new Lines(spec.lines);
process.on('disconnect', () => process.exit(0));
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    lines.write('', { what: 'violation', turn: '', text: `${event}: ${text}` });
    process.exit(3);
  });
}
const store = await openStore(spec.store);
process.on('message', (order) => {
  void answer(order as Order).then((said) => process.send?.(said));
});
process.send?.('ready');

async function answer({ run, turn, key, onBusy, decisions }: Order): Promise<Answer> {
  const write = (word: KillWord): void => lines.write(run, word);
  const stack = [tools(killTools(write), { maxParallel: MAX_PARALLEL }), killModel(write)];
  const pipeline = new Pipeline(stack, { store: new WatchedRun(store, spec.leaseMs, write) });
  try {
    const result =
      decisions === undefined
        ? await pipeline.executeWithContext(key, 'user', turn, { turnId: turn, onBusy })
        : await pipeline.executeWithContext(key, decide(decisions.on), { turnId: decisions.by, onBusy });
    const { outcome, reason, response, replayed, unsaved, pending = [] } = result;
    const { content } = response;
    return {
      ...{ run, outcome, reason, content, replayed: replayed === true, unsaved: unsaved !== undefined },
      pending: pending.map(({ callId, waitsFor }) => ({ callId, waitsFor })),
    };
  } catch (error) {
    if (isSluiceError(error)) return { run, code: error.code };
    write({
      what: 'violation',
      turn,
      text: `a turn failed with an error that is not a SluiceError: ${String(error)}`,
    });
    return { run, code: 'unknown' };
  }
}

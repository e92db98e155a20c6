import { LayerRun } from './layer-run.ts';
import { ExecutionSource } from './execution-source.ts';
import { Execution } from './execution.ts';
import { ExecutionStream } from './execution-stream.ts';
import { silent } from '../log.ts';
import { Stream } from '../stream/stream.ts';

let kept: readonly object[] | undefined;

/**
 * Keeps one instance of each class that has many fields, for ever. V8 forgets how the instances of a class are laid out when none is alive at a full
 * collection, and may then lay out all later ones as hash tables: five times as large, and slow to read. See docs/decisions/0009-what-the-collector-sees.md.
 */
export function keepHiddenClasses(): void {
  kept ??= instances();
}

function instances(): readonly object[] {
  const execution = new Execution({
    closeTimeoutMs: 0,
    hookTimeoutMs: 0,
    metadata: {},
    values: undefined,
    log: silent,
  });
  const request = { messages: [], parameters: {} };
  const stack = {
    name: 'shape',
    middleware: () => Stream.from([], { finishReason: 'other' as const }),
    terminal: undefined,
    last: true,
    below: undefined,
  };
  const source = new ExecutionSource({
    execution,
    stack,
    request,
    signal: undefined,
    timeoutsMs: [],
    deadline: undefined,
    slot: async () => () => undefined,
    turn: undefined,
    started: () => undefined,
    finished: () => undefined,
  });
  return [
    new LayerRun(execution, stack, request, undefined),
    new ExecutionStream(source, 1),
    Stream.from([]),
  ];
}

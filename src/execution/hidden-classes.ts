import { JoinedSegment } from '../stream/joined-segment.ts';
import { chainOf } from '../stream/pump.ts';
import { Stream } from '../stream/stream.ts';
import { ExecutionSource } from './execution-source.ts';
import { ExecutionStream } from './execution-stream.ts';
import { Execution } from './execution.ts';
import { LayerContext } from './layer-context.ts';
import { LayerRun } from './layer-run.ts';

let kept: readonly object[] | undefined;

/**
 * Keeps one instance of each class that has many fields, forever. V8 forgets how the instances of a class are laid out if none is alive
 * at a full collection. It may then lay out all later ones as hash tables, which are five times as large and slow to read. See
 * docs/decisions/0009-what-the-collector-sees.md.
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
    logger: undefined,
  });
  const request = { messages: [], parameters: {} };
  const stack = {
    name: 'shape',
    middleware: () => Stream.from([], { finishReason: 'other' as const }),
    terminal: undefined,
    below: undefined,
  };
  const source = new ExecutionSource({
    execution,
    stack,
    system: [],
    request,
    signal: undefined,
    timeoutsMs: [],
    idleTimeoutMs: 0,
    deadline: undefined,
    slot: async () => ({ release: () => undefined, inside: undefined }),
    turn: undefined,
    onTurn: undefined,
    started: () => undefined,
    finished: () => undefined,
  });
  const run = new LayerRun(execution, stack, request, undefined);
  const stream = Stream.from([]);
  // A chain has the pump, its queue and its steps.
  const segments = [run, Stream.segmentOf(stream), new JoinedSegment(run, (chunk) => chunk)];
  return [
    stream,
    new ExecutionStream(source, 1),
    new LayerContext(run),
    ...segments,
    ...segments.map((segment) => chainOf(segment)),
  ];
}

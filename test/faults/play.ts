import { provider } from '../../middleware/provider.ts';
import { Pipeline, SluiceError, type ExecutionContext, type Next } from '../../src/index.ts';
import { faultServer } from '../../testing/upstream/fault-server.ts';
import type { RecordedRequest } from '../../testing/upstream/recorded-request.ts';
import { accountOf } from './account.ts';
import { faultOf, nameOf, type Cell, type FaultKind } from './cell.ts';
import { endpointOf, inParallel, providerOf, strayRequests, type Network } from './stage.ts';
import { answerOf, eventsBefore, type Subject } from './subject.ts';
import { problemsOf } from './verdict.ts';
import type { Yardstick } from './yardstick.ts';

/** How many executions run at the same time. */
const WIDTH = 32;

/** A cell that is being played. Its server, middleware and consumer communicate through it. */
class Scene {
  readonly cell: Cell;
  /** Resolves when the consumer has all chunks that were sent before the fault. */
  readonly received = Promise.withResolvers<void>();
  /** Resolves when the consumer has seen the end. */
  readonly over = Promise.withResolvers<void>();
  /** Resolves when everything before the fault has been sent. */
  readonly reached = Promise.withResolvers<void>();
  readonly endings: string[] = [];
  abort: (error: SluiceError) => void = () => undefined;

  constructor(cell: Cell) {
    this.cell = cell;
  }
}

/** Plays all cells with one server and one provider. Returns what went wrong. */
export async function play(
  recorded: Subject,
  yardstick: Yardstick,
  cells: readonly Cell[],
  network: Network,
): Promise<string[]> {
  const problems: string[] = [];
  const scenes = new Map<string, Scene>();
  await using server = await faultServer(network);
  await using front = await network.front?.(server.port);
  const model = providerOf(recorded.wire, front === undefined ? server : endpointOf(front), network);
  // A reset may destroy data that has not been read, and a server in between may do so for any broken response.
  const waits: readonly FaultKind[] = front === undefined ? ['rst', 'reset'] : ['rst', 'fin'];
  const pipeline = new Pipeline([watch, provider(model)], { executionTimeoutMs: 20_000 });

  function watch(context: ExecutionContext, next: Next) {
    const scene = scenes.get(keyOf(context.request.messages[0]?.content));
    context.onEnd(() => void scene?.endings.push('onEnd'));
    const stream = next().tap({ end: () => void scene?.endings.push('tap') });
    if (scene !== undefined) scene.abort = (error) => stream.abort(error);
    return stream;
  }

  server.always(function answer({ rawBody }: RecordedRequest) {
    const scene = scenes.get(keyOf(rawBody));
    return scene === undefined
      ? undefined
      : {
          ...answerOf(recorded),
          fault: { ...faultOf(scene.cell), gate: () => gateOf(recorded, scene, waits) },
        };
  });

  await inParallel(cells, WIDTH, async function playOne(cell) {
    const scene = new Scene(cell);
    const key = `cell-${cell.offset}.`;
    scenes.set(key, scene);
    const caller = new AbortController();
    const stream = pipeline.executeStream('user', key, { signal: caller.signal });
    const least = yardstick.countAt[eventsBefore(recorded, cell.offset)] ?? 0;
    if (least === 0) scene.received.resolve();
    if (cell.kind === 'stall' && cell.offset < recorded.terminalAt) {
      void Promise.all([scene.reached.promise, scene.received.promise]).then(function rescue() {
        if (cell.rescue === 'signal') caller.abort();
        else if (cell.rescue === 'close') void stream.close();
        else scene.abort(new SluiceError('timeout', 'Nothing came for too long.', { phase: 'idle' }));
      });
    }
    const account = await accountOf(stream, (count) => {
      if (count >= least) scene.received.resolve();
    });
    scene.over.resolve();
    const found = problemsOf(recorded, yardstick, cell, account, front !== undefined);
    if (scene.endings.join() !== 'tap,onEnd') found.push(`endings: ${scene.endings.join()}`);
    problems.push(...found.map((problem) => `${recorded.name}, ${nameOf(cell)}: ${problem}`));
    scenes.delete(key);
  });

  await server.idle();
  await model.close?.();
  // A server in between keeps some connections for later.
  if (front === undefined) await server.socketsClosed();
  if (server.openRequests !== 0) problems.push('requests are left open');
  server.assertDrained();
  return [...problems, ...strayRequests(server, network, front)];
}

/** Makes faults of some kinds wait until everything has been read. Others only report that they have begun. */
async function gateOf(recorded: Subject, scene: Scene, waits: readonly FaultKind[]): Promise<void> {
  scene.reached.resolve();
  if (!waits.includes(scene.cell.kind)) return;
  await (scene.cell.offset < recorded.terminalAt ? scene.received : scene.over).promise;
}

function keyOf(text: unknown): string {
  return typeof text === 'string' ? (/cell--?\d+\./.exec(text)?.[0] ?? '') : '';
}

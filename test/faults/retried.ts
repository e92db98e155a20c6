import { isDeepStrictEqual } from 'node:util';

import { provider } from '../../middleware/provider.ts';
import { retry, type AfterContent } from '../../middleware/retry.ts';
import { isSluiceError, Pipeline } from '../../src/index.ts';
import { constant } from '../../src/kit/index.ts';
import { chatStream } from '../../testing/upstream/chat-stream.ts';
import { faultServer } from '../../testing/upstream/fault-server.ts';
import type { FaultResponse } from '../../testing/upstream/fault-response.ts';
import { messagesStream } from '../../testing/upstream/messages-stream.ts';
import { responsesStream } from '../../testing/upstream/responses-stream.ts';
import type { RecordedRequest } from '../../testing/upstream/recorded-request.ts';
import type { PlainReading } from '../support/recordings.ts';
import { accountOf, type Account } from './account.ts';
import { faultOf, isComplete, nameOf, type Cell } from './cell.ts';
import { inParallel, providerOf, strayRequests, type Network } from './stage.ts';
import { answerOf, eventsBefore, saidBefore, type Subject } from './subject.ts';
import type { Yardstick } from './yardstick.ts';

/** How many executions run at the same time. */
const WIDTH = 32;

/** How many characters the model repeats when it continues a text. */
const OVERLAP = 6;

/** How an execution must go if its first attempt has a fault. */
type Fate =
  /** The first attempt was complete. */
  | 'whole'
  /** A second attempt replaces it. */
  | 'replaced'
  /** A second attempt continues its text. */
  | 'continued'
  /** There is no second attempt. */
  | 'failed';

function fateOf(subject: Subject, yardstick: Yardstick, cell: Cell, mode: AfterContent): Fate {
  if (isComplete(subject, cell)) return 'whole';
  const delivered = yardstick.chunks.slice(0, yardstick.countAt[eventsBefore(subject, cell.offset)] ?? 0);
  if (delivered.length === 0) return 'replaced';
  if (mode === 'fail') return 'failed';
  if (mode === 'reset') return 'replaced';
  // A reply that has called a tool, begun a call, or used one of the server's, cannot be continued.
  const acted = delivered.some((chunk) => chunk.startsWith('{"type":"tool_call') || hasBlock(chunk));
  if (acted) return 'failed';
  return saidBefore(subject, cell.offset).text === '' ? 'replaced' : 'continued';
}

function hasBlock(chunk: string): boolean {
  return chunk.startsWith('{"type":"content"') && chunk.includes('"block":');
}

/** Plays cells with a retry: the first attempt has the cell's fault, the next one is complete. Returns what went wrong. */
export async function playRetried(
  recorded: Subject,
  yardstick: Yardstick,
  cells: readonly Cell[],
  mode: AfterContent,
  network: Network,
): Promise<string[]> {
  const problems: string[] = [];
  const requests = new Map<string, number>();
  const byKey = new Map<string, { cell: Cell; received: PromiseWithResolvers<void> }>();
  await using server = await faultServer(network);
  const model = providerOf(recorded.wire, server, network);
  // Every first attempt fails, which a budget would take for a provider that is down.
  const waits = { maxRetries: 2, backoff: constant(0), budget: false } as const;
  const pipeline = new Pipeline([retry({ ...waits, afterContent: mode }), provider(model)], {
    executionTimeoutMs: 20_000,
  });

  server.always(function answer({ rawBody }: RecordedRequest): FaultResponse | undefined {
    const key = /cell-\d+-\w+\./.exec(rawBody)?.[0] ?? '';
    const scene = byKey.get(key);
    if (scene === undefined) return undefined;
    const attempt = (requests.get(key) ?? 0) + 1;
    requests.set(key, attempt);
    const { cell, received } = scene;
    if (attempt === 1)
      return {
        ...answerOf(recorded),
        fault: { ...faultOf(cell), gate: () => gateOf(cell, received.promise) },
      };
    return fateOf(recorded, yardstick, cell, mode) === 'continued'
      ? { stream: restOf(recorded, saidBefore(recorded, cell.offset).text) }
      : answerOf(recorded);
  });

  await inParallel(cells, WIDTH, async function playOne(cell) {
    const key = `cell-${cell.offset}-${cell.kind}.`;
    const received = Promise.withResolvers<void>();
    byKey.set(key, { cell, received });
    const least = yardstick.countAt[eventsBefore(recorded, cell.offset)] ?? 0;
    if (least === 0) received.resolve();
    const account = await accountOf(pipeline.executeStream('user', key), (count) => {
      // All chunks have arrived. If the end was sent with them, the reader must see it as well.
      if (count >= least && cell.offset < recorded.terminalAt) received.resolve();
    });
    received.resolve();
    const fate = fateOf(recorded, yardstick, cell, mode);
    const found = problemsOf(recorded, cell, fate, account, requests.get(key) ?? 0);
    problems.push(
      ...found.map((problem) => `${recorded.name}, ${mode}, ${nameOf(cell)}, ${fate}: ${problem}`),
    );
  });

  await server.idle();
  await model.close?.();
  await server.socketsClosed();
  server.assertDrained();
  return [...problems, ...strayRequests(server, network, undefined)];
}

/** A reset waits until everything has been read, because it may destroy unread data. */
async function gateOf({ kind }: Cell, received: Promise<void>): Promise<void> {
  if (kind === 'rst' || kind === 'reset') await received;
}

/** The calls of a continued answer: the same as those of the complete one, but for what the provider would run itself. */
function callsAfter({ reading }: Subject): PlainReading['toolCalls'] {
  return reading.toolCalls.filter((call) => call.providerExecuted !== true);
}

/** An answer that continues a text: it repeats a few characters, and has the calls of a continued answer. */
function restOf(subject: Subject, partial: string) {
  const { wire, reading } = subject;
  const text = reading.text.slice(Math.max(0, partial.length - OVERLAP));
  const toolCalls = callsAfter(subject).map(({ id, name, arguments: args }) => ({
    id,
    name,
    arguments: args,
  }));
  const made = { text, ...(toolCalls.length > 0 && { toolCalls }) };
  if (wire === 'anthropic-messages') return messagesStream(made);
  return wire === 'openai-chat' ? chatStream(made) : responsesStream(made);
}

function problemsOf(subject: Subject, cell: Cell, fate: Fate, account: Account, requests: number): string[] {
  const problems: string[] = [];
  const { reading } = subject;
  const { text, thinking, toolCalls, done, error, result, after } = account;
  const failed = fate === 'failed';
  const expectedRequests = fate === 'replaced' || fate === 'continued' ? 2 : 1;
  if (requests !== expectedRequests) problems.push(`${requests} requests instead of ${expectedRequests}`);
  if (done.length + (error === undefined ? 0 : 1) !== 1 || after === 'a chunk')
    problems.push('not one outcome');
  if (result !== (error ?? 'resolved')) problems.push('the result differs from the stream');
  const said = failed ? saidBefore(subject, cell.offset) : reading;
  if (text !== said.text) problems.push(`text is ${JSON.stringify(text)}`);
  if (fate !== 'continued' && thinking !== said.thinking)
    problems.push(`thinking is ${JSON.stringify(thinking)}`);
  if (failed) {
    const isRight =
      isSluiceError(error) &&
      ['network', 'truncated'].includes(error.code) &&
      error.partial?.content === text &&
      error.partial.thinking === thinking;
    if (!isRight) problems.push(`the error is ${String(error)}`);
    return problems;
  }
  const calls = fate === 'continued' ? callsAfter(subject) : reading.toolCalls;
  if (!isDeepStrictEqual(toolCalls, calls)) problems.push(`calls are ${JSON.stringify(toolCalls)}`);
  const response = done[0]?.response;
  if (response?.content !== reading.text)
    problems.push(`the result's text is ${JSON.stringify(response?.content)}`);
  if (!isDeepStrictEqual(response?.toolCalls, calls)) problems.push("the result's calls differ");
  return problems;
}

import { isDeepStrictEqual } from 'node:util';

import { isSluiceError, type ErrorCode } from '../../src/index.ts';
import type { Account } from './account.ts';
import { isComplete, type Cell } from './cell.ts';
import { eventsBefore, saidBefore, type Subject } from './subject.ts';
import type { Yardstick } from './yardstick.ts';

/** How a cell must end: with a complete reply, or with an error of one of these codes. With garbage, both are allowed. */
interface Expected {
  readonly whole: boolean;
  readonly codes: readonly ErrorCode[];
}

function expectedEnd(subject: Subject, cell: Cell, front: boolean): Expected {
  const ended = isComplete(subject, cell);
  switch (cell.kind) {
    case 'fin':
    case 'rst':
      return { whole: ended, codes: ended ? [] : front ? behind(cell) : ['network'] };
    case 'reset':
      return { whole: ended, codes: ended ? [] : resetCodes(cell) };
    case 'stall':
      return { whole: ended, codes: ended ? [] : [cell.rescue === 'timeout' ? 'timeout' : 'aborted'] };
    case 'eof':
      return { whole: ended, codes: ended ? [] : ['truncated'] };
    case 'garbage':
      return { whole: true, codes: ended ? [] : ['protocol', 'truncated'] };
  }
}

/** What a server in between makes of a broken response: status 502, or a broken one of its own. */
function behind({ offset }: Cell): ErrorCode[] {
  return offset >= 0 ? ['network', 'truncated'] : ['server'];
}

/** A reset with NO_ERROR may be taken for an end of the body. */
function resetCodes({ code, offset }: Cell): ErrorCode[] {
  return code === 0 && offset >= 0 ? ['network', 'truncated'] : ['network'];
}

/** Returns what is wrong with the end of a cell. `front` says whether a server of others is in between. */
export function problemsOf(
  subject: Subject,
  yardstick: Yardstick,
  cell: Cell,
  account: Account,
  front = false,
): string[] {
  return [
    ...outcomeProblems(subject, cell, account, front),
    ...deliveryProblems(subject, yardstick, cell, account),
    ...partialProblems(account),
  ];
}

/** Checks that there is one outcome, that it is the right one, and that the stream and its result agree. */
function outcomeProblems(subject: Subject, cell: Cell, account: Account, front: boolean): string[] {
  const problems: string[] = [];
  const { done, error, result, after } = account;
  const { whole, codes } = expectedEnd(subject, cell, front);
  if (done.length + (result === 'resolved' ? 0 : 1) !== 1)
    problems.push(`${done.length} done, result ${tell(result)}`);
  if (after === 'a chunk') problems.push('a chunk came after the end');
  // A consumer that closes the stream itself gets no exception.
  const closed = cell.kind === 'stall' && cell.rescue === 'close';
  if (error !== undefined ? error !== result : result !== 'resolved' && !closed) {
    problems.push(`it threw ${tell(error)}, its result is ${tell(result)}`);
  }
  if (result === 'resolved' && !whole) problems.push(`completed, but should fail with ${codes.join(' or ')}`);
  if (result !== 'resolved' && !(isSluiceError(result) && codes.includes(result.code))) {
    problems.push(`failed with ${tell(result)}, should be ${codes.join(' or ') || 'completed'}`);
  }
  return problems;
}

/** Checks that nothing is delivered twice, lost or made up. */
function deliveryProblems(subject: Subject, yardstick: Yardstick, cell: Cell, account: Account): string[] {
  const problems: string[] = [];
  const { chunks, text, thinking, toolCalls, done } = account;
  const { reading } = subject;
  const wrong = chunks.findIndex((chunk, at) => chunk !== yardstick.chunks[at]);
  if (wrong !== -1) problems.push(`chunk ${wrong} is ${chunks[wrong]?.slice(0, 120)}`);
  if (!reading.text.startsWith(text))
    problems.push(`text is not a beginning of the reply: ${JSON.stringify(text)}`);
  if (!reading.thinking.startsWith(thinking)) problems.push('thinking is not a beginning of the reply');
  if (!isDeepStrictEqual(toolCalls, reading.toolCalls.slice(0, toolCalls.length)))
    problems.push('tool calls differ');

  const said = saidBefore(subject, cell.offset);
  const least = yardstick.countAt[eventsBefore(subject, cell.offset)] ?? 0;
  if (text.length < said.text.length || thinking.length < said.thinking.length || chunks.length < least) {
    problems.push(`lost: ${chunks.length} of ${least} chunks before the fault`);
  }
  // Nothing can come after a cut. Garbage may complete the event before it.
  if (done.length === 0 && cell.kind !== 'garbage' && chunks.length > least)
    problems.push('more than was sent');
  const [result] = done;
  if (result !== undefined) {
    const { content, finishReason } = result.response;
    const same =
      chunks.length === yardstick.chunks.length &&
      content === reading.text &&
      result.response.thinking === reading.thinking &&
      finishReason === reading.finishReason &&
      isDeepStrictEqual(result.response.toolCalls, reading.toolCalls);
    if (!same)
      problems.push(`completed with another reply: ${chunks.length} of ${yardstick.chunks.length} chunks`);
  }
  return problems;
}

/** Checks that the error's partial reply is exactly what was delivered. */
function partialProblems({ result, text, thinking, toolCalls }: Account): string[] {
  if (!isSluiceError(result)) return [];
  const { partial } = result;
  const same =
    partial?.content === text &&
    partial.thinking === thinking &&
    isDeepStrictEqual(partial.toolCalls, toolCalls);
  return same
    ? []
    : [`partial is ${JSON.stringify(partial)?.slice(0, 160)}, delivered was ${JSON.stringify(text)}`];
}

function tell(value: unknown): string {
  if (isSluiceError(value)) return `${value.code} (${value.message})`;
  return value instanceof Error ? `${value.name} (${value.message})` : String(value);
}

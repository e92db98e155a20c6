import { decide } from '../../src/index.ts';
import type { Decision, Input, Message, Part } from '../../src/index.ts';
import { hashOf } from '../../src/kit/index.ts';

/** What the model is told of a call that was denied without a reason. */
export const DENIED = 'The user denied this call.';

/** The decisions of a request, by the ids of the calls. */
export type DecidedCalls = Record<string, Decision>;

/**
 * The turn that goes on with decisions; undefined if there are none. `said`: messages of the user in the same request. The id of the turn follows from the calls, so that a request
 * that comes again is the same turn.
 */
export function decidedTurn(
  on: DecidedCalls,
  said: readonly Message[],
): { input: Input; turnId: string } | undefined {
  const ids = Object.keys(on);
  if (ids.length === 0) return undefined;
  const message = oneMessage(said);
  const input = decide(on, message === undefined ? {} : { message });
  const all = ids.sort().join(',');
  // A store takes only so many bytes.
  return { input, turnId: `decide:${SHORT.test(all) ? all : hashOf(all)}` };
}

/** What the user has said in several messages, as one: decisions have room for no more. Undefined if nothing was said. */
export function oneMessage(said: readonly Message[]): Message | undefined {
  const [message, ...more] = said;
  if (message === undefined || more.length === 0) return message;
  const partsOf = ({ content }: Message): readonly Part[] =>
    typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  return { ...message, content: said.flatMap(partsOf) };
}

const SHORT = /^[ -~]{1,400}$/;

import * as z from 'zod';
import { checkMessages } from './check-messages.ts';
import { SluiceError } from './errors.ts';
import { parseOptions } from './kit/parse-options.ts';
import type { Message } from './messages.ts';
import { jsonCopy, plainFault } from './plain-data.ts';
import type { Decision } from './session/steps/step.ts';
import { wellFormed } from './well-formed.ts';

/** What somebody decides, by the ids of the calls. */
export type DecisionsByCall = Readonly<Record<string, Decision>>;

/** What {@link decide} was given. */
export interface Decided {
  readonly on: DecisionsByCall;
  /** What the user says besides. */
  readonly message: Message | undefined;
}

// A global symbol, so that what another copy of the package in the same process has made is known, too.
const DECISIONS = Symbol.for('sluice.decisions');

/** Decisions about calls that wait, as {@link decide} makes them. They are given to a turn in place of a message. */
export interface Decisions {
  readonly [DECISIONS]: Decided;
}

/** What `execute` takes instead of a role and content. {@link Decisions} only for a turn of a session. */
export type Input = Message | readonly Message[] | Decisions;

const plain = z.custom<unknown>(
  (value) => value !== undefined && plainFault(value) === undefined,
  'give plain data, as JSON has it',
);

const decision = z.union(
  [
    z.strictObject({
      approve: z.literal(true),
      arguments: plain.optional(),
      reason: z.string().optional(),
      metadata: plain.optional(),
    }),
    z.strictObject({ deny: z.string() }),
    z.strictObject({ result: plain, isError: z.boolean().optional() }),
  ],
  'give { approve: true }, with `arguments`, `reason` or `metadata` if you like, { deny: "why" }, or { result }, as plain data',
);

const schema = z.record(z.string(), decision);

/**
 * Decides on calls that wait: those in `result.pending`. Give it to `executeWithContext()` or `executeStreamWithContext()` in place of a message. The turn that
 * waits then goes on, in any process: decided calls run at once, and the model is asked when no call waits any more.
 *
 * `{ approve: true }` runs a call, with other `arguments` if they are given; a call of unknown outcome is run again. `{ deny: 'why' }` does not run it, and the model is
 * told why. `{ result }` is the result of a call that the client runs, or of one whose outcome was unknown: text, plain data, or text, image and file parts.
 *
 * `message`: what the user says besides, which the model is sent after the results of the calls. A text is a message of the user.
 *
 * The option `turnId` of the execution is then the id of the decision: send the same decisions with the same id again, and nothing is done twice.
 *
 * Throws `invalid_options`.
 *
 * @example
 * const [call] = result.pending ?? [];
 * if (call !== undefined) await pipeline.executeWithContext(key, decide({ [call.callId]: { approve: true } }), { turnId: requestId });
 */
export function decide(on: DecisionsByCall, options: { message?: Message | string } = {}): Decisions {
  parseOptions('decide()', schema, on);
  if (Object.keys(on).length === 0)
    throw new SluiceError(
      'invalid_options',
      'decide() has no decision: give { [callId]: { approve: true } }.',
    );
  const { message } = options;
  return Object.freeze({
    [DECISIONS]: {
      on: wellFormed(jsonCopy(on)),
      message: message === undefined ? undefined : messageOfUser(message),
    },
  });
}

/** What `decide()` was given. */
export function decidedIn(decisions: Decisions): Decided {
  return decisions[DECISIONS];
}

/** Whether an input was made by `decide()`. */
export function isDecisions(input: unknown): input is Decisions {
  return typeof input === 'object' && input !== null && DECISIONS in input;
}

function messageOfUser(given: Message | string): Message {
  const [message] = checkMessages(typeof given === 'string' ? { role: 'user', content: given } : given);
  if (message?.role === 'user') return message;
  throw new SluiceError(
    'invalid_options',
    'decide(): the message is not one of the user: give { role: "user", content }.',
  );
}

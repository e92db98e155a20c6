/**
 * What plugins need: timers, waits that can be aborted, deadlines, the parsing of options, optional packages, names for what was thrown, calls and chunks of
 * messages, hashes, estimates of tokens and waits between retries.
 *
 * @module
 */
export { Timer } from './timer.ts';
export type { TimerOptions } from './timer.ts';
export { abortReason, onAbort } from './abort.ts';
export { abortable, delay, withDeadline } from './wait.ts';
export type { DeadlineOptions } from './wait.ts';
export { Running } from './running.ts';
export type { Entry } from './running.ts';
export { constant, exponential } from './backoff.ts';
export type { Backoff, ConstantOptions, ExponentialOptions, Jitter } from './backoff.ts';
export { loadPeer } from './peer.ts';
export type { Peer } from './peer.ts';
export { parseOptions } from './parse-options.ts';
export { option } from './option.ts';
export { answerOf, callListener, guarded, kindOfThrown } from './thrown.ts';
export { asModelName, asRequestId } from './served-names.ts';
export { scrub } from './scrub.ts';
export { hashOf } from './hash.ts';
export { newId } from './new-id.ts';
export { callsOf, chunksOf, saidAgain, textOfResult } from './messages.ts';
export { errorCodes, isErrorCode, kindOf } from '../coded-error.ts';
export { decidedIn, isDecisions } from '../decide.ts';
export type { Decided } from '../decide.ts';
export { inputIdOf, replyIdOf } from '../session/input-id.ts';
export { estimateInputTokens, estimateTokens } from '../tokens.ts';

import * as z from 'zod';
import { wellFormed } from '../../src/index.ts';
import type { ExecutionContext } from '../../src/index.ts';
import { parseOptions, scrub } from '../../src/kit/index.ts';
import { toolError } from './calls/calls.ts';
import { plainCopy } from './result.ts';
import type { Tool } from './tool.ts';
import { messageOf } from './values.ts';

/** What a call that has to be approved says to whoever approves it. */
export interface ApprovalRequest {
  /** Why it has to be approved, in words. */
  reason?: string | undefined;
  /** Plain data for a user interface. */
  metadata?: unknown;
  /** How long it can be decided on, in milliseconds, by the clock of the store. Default: without end. */
  expiresInMs?: number | undefined;
}

/** Whether a call has to be approved. */
export type ApprovalAnswer = boolean | ApprovalRequest | undefined;

/** Says of a call whether it has to be approved. */
export type NeedsApproval<Input = unknown> =
  | boolean
  // A method, so that a tool with a narrower input is a tool, too.
  | {
      bivariant(input: Input, context: ExecutionContext): ApprovalAnswer | Promise<ApprovalAnswer>;
    }['bivariant'];

const answerSchema = z.union(
  [
    z.boolean(),
    z.null(),
    z.undefined(),
    z.strictObject({
      reason: z.string().optional(),
      metadata: z.unknown().transform(plainOrNothing).optional(),
      expiresInMs: z.number().positive().optional(),
    }),
  ],
  'give true, false, or { reason, metadata, expiresInMs } with plain metadata',
);

/** What a tool says about the approval of a call; undefined if it can run without. Throws, so that nothing runs, if the answer is something else. */
export async function approvalFor(
  { name, needsApproval }: Tool,
  input: unknown,
  context: ExecutionContext,
): Promise<ApprovalRequest | undefined> {
  if (needsApproval === undefined || needsApproval === false) return undefined;
  if (needsApproval === true) return {};
  let said: unknown;
  try {
    said = await needsApproval(input, context);
  } catch (thrown) {
    throw toolError(`The tool ${name}: needsApproval threw: ${scrub(messageOf(thrown))}`, thrown);
  }
  const answer = parseOptions(`The tool ${name}: needsApproval`, answerSchema, said);
  if (answer === true) return {};
  return typeof answer === 'object' && answer !== null ? wellFormed(answer) : undefined;
}

function plainOrNothing(metadata: unknown, context: z.RefinementCtx): unknown {
  if (metadata === undefined) return undefined;
  try {
    return plainCopy(metadata);
  } catch {
    context.addIssue({ code: 'custom', message: 'give plain data' });
    return z.NEVER;
  }
}

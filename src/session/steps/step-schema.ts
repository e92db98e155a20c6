import * as z from 'zod';
import {
  finishReasonSchema,
  jsonSchema,
  messageSchema,
  resultContentSchema,
  spentSchema,
} from '../store/stored-schema.ts';
import type { Spent, Step } from './step.ts';

// The shapes of stored steps. A key that is added later has to be optional, so that what was stored before can be read.

const pendingCall = z.object({
  callId: z.string(),
  name: z.string(),
  arguments: jsonSchema,
  waitsFor: z.enum(['approval', 'client', 'unknown']),
  reason: z.string().optional(),
  metadata: z.unknown().optional(),
  expiresAt: z.number().optional(),
  fingerprint: z.string().optional(),
  path: z.string().optional(),
});

const decision = z.union([
  z.object({
    approve: z.literal(true),
    arguments: z.unknown().optional(),
    reason: z.string().optional(),
    metadata: z.unknown().optional(),
  }),
  z.object({ deny: z.string() }),
  z.object({ result: jsonSchema, isError: z.boolean().optional() }),
]);

const path = z.string().optional();

/** A step. */
export const stepSchema: z.ZodType<Step> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('reply'),
    path,
    round: z.int().min(0),
    message: messageSchema,
    reply: z.object({
      finishReason: finishReasonSchema,
      model: z.string().optional(),
      provider: z.string().optional(),
    }),
    starts: z.array(z.string()),
    waits: z.array(pendingCall).optional(),
    fingerprints: z.record(z.string(), z.string()).optional(),
  }),
  z.object({ kind: z.literal('started'), path, callId: z.string() }),
  z.object({
    kind: z.literal('result'),
    path,
    callId: z.string(),
    content: resultContentSchema,
    isError: z.boolean(),
    outcome: z.enum(['done', 'failed', 'unknown', 'denied', 'notRun', 'withdrawn']),
    late: z.literal(true).optional(),
  }),
  z.object({ kind: z.literal('wait'), path, pending: z.array(pendingCall) }),
  z.object({ kind: z.literal('decision'), path, callId: z.string(), by: z.string(), decision }),
  z.object({ kind: z.literal('message'), path, message: messageSchema }),
  z.object({
    kind: z.literal('cut'),
    path,
    outcome: z.enum(['failed', 'cancelled']),
    message: messageSchema.optional(),
  }),
]);

/** Steps. */
export const stepsSchema: z.ZodType<Step[]> = z.array(stepSchema);

/** What a row of a step holds. */
export interface StepContent {
  readonly step: Step;
  readonly token: number;
  readonly spent?: Spent | undefined;
}

/** The content of a row with a step. */
export const stepContentSchema: z.ZodType<StepContent> = z.object({
  step: stepSchema,
  token: z.number(),
  spent: spentSchema.optional(),
});

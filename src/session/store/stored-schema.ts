import * as z from 'zod';
import type { Message } from '../../messages.ts';
import { plainFault } from '../../plain-data.ts';
import type { Spent } from '../steps/step.ts';
import type { TurnEnd } from './store.ts';
import type { Cost, Usage } from '../../usage.ts';

// The shapes of what is stored. Fields that are not named here, such as those of a later version, are left out of what is read.

/** JSON has no undefined: it is read as null. */
export const jsonSchema = z.unknown().default(null);
const block = z.object({
  provider: z.string(),
  model: z.string().optional(),
  baseURL: z.string().optional(),
  data: jsonSchema,
});

const text = z.object({
  type: z.literal('text'),
  text: z.string(),
  citations: z.array(jsonSchema).optional(),
  refusal: z.literal(true).optional(),
});
const thinking = z.object({ type: z.literal('thinking'), text: z.string(), block: block.optional() });
const image = z.object({
  type: z.literal('image'),
  url: z.string().optional(),
  data: z.string().optional(),
  mediaType: z.string().optional(),
  detail: z.enum(['auto', 'low', 'high']).optional(),
});
const audio = z.object({ type: z.literal('audio'), data: z.string(), mediaType: z.string() });
const file = z.object({
  type: z.literal('file'),
  url: z.string().optional(),
  data: z.string().optional(),
  fileId: z.string().optional(),
  mediaType: z.string().optional(),
  filename: z.string().optional(),
  id: z.string().optional(),
  block: block.optional(),
});
const toolCall = z.object({
  type: z.literal('tool_call'),
  id: z.string(),
  name: z.string(),
  arguments: jsonSchema,
  providerExecuted: z.literal(true).optional(),
  invalid: z.object({ raw: z.string(), reason: z.string() }).optional(),
  block: block.optional(),
});
/** The content of a tool result. */
export const resultContentSchema = z.union([
  z.string(),
  z.array(z.discriminatedUnion('type', [text, image, file])),
]);
const toolResult = z.object({
  type: z.literal('tool_result'),
  id: z.string(),
  name: z.string(),
  content: resultContentSchema,
  isError: z.boolean().optional(),
  providerExecuted: z.literal(true).optional(),
  block: block.optional(),
});
const provider = z.object({ type: z.literal('provider'), block });
const part = z.discriminatedUnion('type', [
  text,
  thinking,
  image,
  audio,
  file,
  toolCall,
  toolResult,
  provider,
]);

/** A message. */
export const messageSchema: z.ZodType<Message> = z.object({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.union([z.string(), z.array(part)]),
  name: z.string().optional(),
  partial: z.literal(true).optional(),
});

/** Messages. */
export const messagesSchema: z.ZodType<Message[]> = z.array(messageSchema);

const tokens = z.number().min(0);
const usage: z.ZodType<Usage> = z.object({
  inputTokens: tokens,
  outputTokens: tokens,
  totalTokens: tokens,
  cachedInputTokens: tokens,
  cacheWriteTokens: tokens,
  reasoningTokens: tokens,
  estimated: z.boolean().optional(),
});

const usd = z.number().optional();
const cost: z.ZodType<Cost> = z.object({
  status: z.enum(['exact', 'estimated', 'unknown']),
  totalUsd: usd,
  inputUsd: usd,
  outputUsd: usd,
  cacheReadUsd: usd,
  cacheWriteUsd: usd,
});

/** What was spent. */
export const spentSchema: z.ZodType<Spent> = z.object({ usage, cost });

/** Why a reply ended. */
export const finishReasonSchema = z.enum([
  'stop',
  'length',
  'tool_calls',
  'content_filter',
  'refusal',
  'pause',
  'other',
]);

/** How a turn ended. */
export const turnEndSchema: z.ZodType<TurnEnd> = z.object({
  outcome: z.enum(['completed', 'interrupted', 'cancelled', 'failed']),
  reason: z.string().optional(),
  finishReason: finishReasonSchema.optional(),
  usage,
  cost,
  model: z.string().optional(),
  provider: z.string().optional(),
  leaseToken: z.number().optional(),
});

const place = z.int().min(0);

/** The content of one append. */
export const turnSchema = z.object({
  messages: messagesSchema,
  end: turnEndSchema.optional(),
  from: place.optional(),
  kept: z.object({ of: place, at: place }).optional(),
  after: z.string().optional(),
});

/** Metadata that can be stored. */
export const metadataSchema = z.custom<Readonly<Record<string, unknown>>>(
  (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && plainFault(value) === undefined,
  'give an object of plain data, as JSON has it',
);

/** The metadata of a session. It is left as it is: zod would leave out a key `__proto__`. */
export const sessionSchema = z.object({
  metadata: z.custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  ),
});

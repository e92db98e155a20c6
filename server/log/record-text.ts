import * as z from 'zod';
import { isErrorCode } from '../../src/kit/index.ts';
import type { SentEnd } from '../stream/parts.ts';
import type { LoggedStart } from './chunk-log.ts';

// Only this library writes these texts, so what is checked is what a reader would stumble over.

const startSchema = z.custom<LoggedStart>(
  (value) =>
    typeof value === 'object' && value !== null && 'turnId' in value && typeof value.turnId === 'string',
);

const OUTCOMES: ReadonlySet<unknown> = new Set(['completed', 'interrupted', 'cancelled', 'failed']);

const endSchema = z.custom<SentEnd>((value) => {
  if (typeof value !== 'object' || value === null || !('outcome' in value)) return false;
  if (!('error' in value)) return OUTCOMES.has(value.outcome);
  const { error } = value;
  return typeof error === 'object' && error !== null && 'code' in error && isErrorCode(error.code);
});

/** The start of a stream from its JSON. Throws a `SyntaxError` or a `ZodError` if it is not one. */
export function startOfText(text: string): LoggedStart {
  return startSchema.parse(JSON.parse(text));
}

/** The end of a stream from its JSON. Throws a `SyntaxError` or a `ZodError` if it is not one. */
export function endOfText(text: string): SentEnd {
  return endSchema.parse(JSON.parse(text));
}

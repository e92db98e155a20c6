import type { HeaderReader } from '../headers.ts';
import { isRecord } from '../json.ts';
import { durationMs } from './rate-limit-headers.ts';

/** A longer wait in a body is not a duration, but for example a date written as a number. */
const LONGEST_MS = 31 * 86_400_000;

/** A number of seconds, or of milliseconds, from here on is a date. */
const DATE_SECONDS = 1e9;
const DATE_MS = 1e12;

/** How many characters of a message are searched for a wait. */
const MAX_MESSAGE_CHARACTERS = 2_000;

/** Matches `7m12s`, `1.5 s`, `20ms`, `3 seconds`. Each repetition has a bound. */
const AMOUNT = String.raw`\d{1,9}(?:\.\d{1,15})? ?(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])[ ,]{0,2}`;

/** "Please try again in 1.5s" (OpenAI, Groq), "Please retry after 3 seconds" (Azure), "Please retry in 34s" (Gemini). */
const SENTENCE = new RegExp(String.raw`\b(?:try again|retry) (?:in|after) ((?:${AMOUNT}){1,4})`, 'i');

/**
 * The wait in `retry-after-ms`, or in `retry-after` as seconds or a date. Undefined if neither header is there or makes
 * sense.
 */
export function waitInHeaders(headers: HeaderReader, nowMs = Date.now()): number | undefined {
  const milliseconds = numberOf(headers.get('retry-after-ms'));
  if (milliseconds !== undefined) return milliseconds;
  const value = headers.get('retry-after');
  const seconds = numberOf(value);
  if (seconds !== undefined) return seconds * 1_000;
  // Date.parse() takes '-1' for a year. An HTTP date begins with the name of a day.
  const date = value === null || !/^\s*[a-z]/i.test(value) ? NaN : Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/**
 * The wait in the body of an error: `retry_after` and similar fields, google.rpc.RetryInfo, the headers that OpenRouter
 * repeats in `metadata`, or the sentence that OpenAI, Azure, Groq and Gemini put into the message. The message is used for
 * nothing else. Undefined if there is no wait, or one that has passed or makes no sense.
 *
 * Sources: https://cloud.google.com/apis/design/errors, https://openrouter.ai/docs/api-reference/errors
 */
export function waitInBody(
  layers: readonly Record<string, unknown>[],
  said: string,
  nowMs = Date.now(),
): number | undefined {
  for (const fields of layers) {
    const wait = waitInFields(fields, nowMs) ?? waitInDetails(fields['details']);
    if (wait !== undefined && wait > 0 && wait <= LONGEST_MS) return wait;
  }
  const wait = waitInSentence(said);
  return wait !== undefined && wait > 0 && wait <= LONGEST_MS ? wait : undefined;
}

function waitInFields(fields: Record<string, unknown>, nowMs: number): number | undefined {
  return (
    amountOf(fields['retry_after_ms'] ?? fields['retryAfterMs']) ??
    secondsMs(fields['retry_after'] ?? fields['retryAfter'] ?? fields['retry_after_seconds'], nowMs) ??
    secondsMs(fields['retryDelay'] ?? fields['resets_in_seconds'], nowMs) ??
    (isRecord(fields['headers']) ? waitInHeaderFields(fields['headers'], nowMs) : undefined)
  );
}

function waitInHeaderFields(fields: Record<string, unknown>, nowMs: number): number | undefined {
  const lower = new Map(Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]));
  function get(name: string): string | null {
    const value = lower.get(name);
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : null;
  }
  const wait = waitInHeaders({ get }, nowMs);
  return wait !== undefined && wait > 0 ? wait : secondsMs(get('x-ratelimit-reset'), nowMs);
}

/** The wait of the RetryInfo in the details of a Google error. */
function waitInDetails(details: unknown): number | undefined {
  if (!Array.isArray(details)) return undefined;
  const list: unknown[] = details;
  const info = list.find((one) => isRecord(one) && 'retryDelay' in one);
  const delay = isRecord(info) ? info['retryDelay'] : undefined;
  if (!isRecord(delay)) return secondsMs(delay, 0);
  return (amountOf(delay['seconds']) ?? 0) * 1_000 + (amountOf(delay['nanos']) ?? 0) / 1e6;
}

function waitInSentence(said: string): number | undefined {
  const amounts = SENTENCE.exec(said.slice(0, MAX_MESSAGE_CHARACTERS))?.[1];
  if (amounts === undefined) return undefined;
  let sum = 0;
  for (const [, amount, unit = ''] of amounts.matchAll(/(\d+(?:\.\d+)?) ?([a-z]+)/gi)) {
    sum += Number(amount) * unitMs(unit.toLowerCase());
  }
  return Math.ceil(sum);
}

function unitMs(unit: string): number {
  if (unit === 'ms' || unit.startsWith('milli')) return 1;
  if (unit.startsWith('s')) return 1_000;
  if (unit.startsWith('m')) return 60_000;
  return unit.startsWith('h') ? 3_600_000 : 86_400_000;
}

/** Reads seconds, a duration (`34.07s`), or a time in seconds or milliseconds since 1970. */
function secondsMs(value: unknown, nowMs: number): number | undefined {
  const amount = amountOf(value);
  if (amount === undefined) return typeof value === 'string' ? durationMs(value.trim()) : undefined;
  if (amount >= DATE_MS) return amount - nowMs;
  return amount >= DATE_SECONDS ? amount * 1_000 - nowMs : Math.ceil(amount * 1_000);
}

function amountOf(value: unknown): number | undefined {
  if (typeof value === 'string') return numberOf(value);
  return typeof value === 'number' && value >= 0 && value < Infinity ? value : undefined;
}

function numberOf(value: string | null): number | undefined {
  if (value === null || !/^\s*\d+(?:\.\d+)?\s*$/.test(value)) return undefined;
  return Number(value);
}

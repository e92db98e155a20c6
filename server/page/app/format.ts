import type { ChatMessage, Conversation } from '../../../client/index.ts';
import type { ExecutionResult } from './types.ts';

/** A time: `2.5 ms`, `480 ms`, `2.4 s`, `1 m 05 s`. */
export function duration(ms: number): string {
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, '0')} s`;
}

/** A number with its thousands apart: `12,480`. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** A price: `$0.0042`, `≈ $0.0042` for an estimate, `unknown`. Small ones keep two digits that say something. */
export function price(cost: ExecutionResult['cost'] | undefined): string {
  if (cost?.totalUsd === undefined || cost.status === 'unknown') return 'unknown';
  const usd = cost.totalUsd;
  const digits = usd === 0 ? 2 : Math.min(8, Math.max(2, 1 - Math.floor(Math.log10(usd))));
  return `${cost.status === 'estimated' ? '≈ ' : ''}$${usd.toFixed(digits)}`;
}

/** A value as a person reads it: indented JSON, text as it is. */
export function pretty(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value, undefined, 2) ?? String(value);
  } catch {
    return String(value);
  }
}

/** JSON text indented, or the text as it is if it is not JSON. */
export function prettyJson(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? pretty(value) : text;
  } catch {
    return text;
  }
}

/** The beginning of a text on one line. */
export function brief(text: string, most = 90): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}

/** How long ago something was: `just now`, `5 min ago`, `3 h ago`, `2 days ago`. */
export function ago(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ago`;
  const days = Math.floor(hours / 24);
  return days === 1 ? 'yesterday' : `${days} days ago`;
}

/** The arguments of a call on one line: `order: A-1042, amount: 80`, or the value alone if there is one. */
export function inBrief(json: string): string {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return json;
    const entries = Object.entries(value).map(([name, one]) => [
      name,
      typeof one === 'string' ? one : JSON.stringify(one),
    ]);
    return entries.length === 1
      ? String(entries[0]?.[1])
      : entries.map(([name, one]) => `${name}: ${one}`).join(', ');
  } catch {
    return json;
  }
}

type Content = Conversation['messages'][number]['content'] | ChatMessage['parts'];

/** The words of a message. */
export function wordsOf(content: Content): string {
  if (typeof content === 'string') return content;
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

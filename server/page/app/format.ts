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

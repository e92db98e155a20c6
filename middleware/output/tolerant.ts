import { jsonrepair } from 'jsonrepair';

/** What was read of a text: a value, or why there is none. */
export type Read = { readonly value: unknown } | { readonly problem: string };

/**
 * Reads the JSON in a text, with prose and a fence around it, and with mistakes that leave no doubt: quotes of the wrong kind, commas too many, comments, names without
 * quotes, the constants of Python. What is open at the end is not closed, and what was left out is not made up.
 */
export function readTolerantly(text: string): Read {
  const strict = parsed(text);
  if (strict !== undefined) return strict;
  let problem = text.trim() === '' ? 'it is empty' : 'it has no JSON in it';
  for (const candidate of candidatesIn(text)) {
    const plain = parsed(candidate);
    if (plain !== undefined) return plain;
    const fault = faultOf(candidate);
    if (fault !== undefined) {
      problem = fault;
      continue;
    }
    const repaired = repairedJson(candidate);
    if (repaired !== undefined) return repaired;
    problem = 'its JSON cannot be read';
  }
  return { problem };
}

function parsed(text: string): { value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return { value };
  } catch {
    return undefined;
  }
}

function repairedJson(text: string): { value: unknown } | undefined {
  try {
    return parsed(jsonrepair(text));
  } catch {
    return undefined;
  }
}

const FENCE = /```[\w-]*[^\S\n]*\n([\s\S]*?)\n?[^\S\n]*```/g;

/** The parts of a text that may be the JSON, the likeliest first. */
function* candidatesIn(text: string): Generator<string> {
  for (const [, inside = ''] of text.matchAll(FENCE)) if (/[[{]/.test(inside)) yield inside.trim();
  for (const [open, close] of [
    ['{', '}'],
    ['[', ']'],
  ] as const) {
    const from = text.indexOf(open);
    const to = text.lastIndexOf(close);
    if (from !== -1 && to > from) yield text.slice(from, to + 1);
    else if (from !== -1) yield text.slice(from);
  }
}

/** Why a text must not be repaired: something in it is open, or was left out. */
function faultOf(text: string): string | undefined {
  const open: string[] = [];
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote !== '') {
      if (char === '\\') at++;
      else if (char === quote) quote = '';
      continue;
    }
    if (char === '"' || (char === "'" && !/[\w]/.test(text.charAt(at - 1)))) quote = char;
    else if (char === '/' && text.charAt(at + 1) === '/') at = endOf(text, '\n', at);
    else if (char === '/' && text.charAt(at + 1) === '*') at = endOf(text, '*/', at);
    else if (char === '{' || char === '[') open.push(char === '{' ? '}' : ']');
    else if ((char === '}' || char === ']') && open.pop() !== char) return 'its brackets do not match';
    else if (char === '.' && text.startsWith('...', at)) return 'a part of it is left out';
    else if (char === '…') return 'a part of it is left out';
  }
  if (quote !== '' || open.length > 0) return 'it stops before its end';
  return undefined;
}

function endOf(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at === -1 ? text.length : at + mark.length - 1;
}

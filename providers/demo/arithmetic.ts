import { calculate } from './expression.ts';

/** An arithmetic question found in a text. */
export interface Calculation {
  /** The expression with the usual operators: `17 * 23`. */
  expression: string;
  value: number;
  /** The numbers in it, in order. */
  operands: number[];
  /** The first operator: one of + - * / ^ %. */
  operator: string;
}

/** Longer texts are not searched. */
const MAX_LENGTH = 2_000;

const NUMBER = String.raw`(-?\d+(?:\.\d+)?)`;

function phrase(pattern: string): RegExp {
  return new RegExp(
    String.raw`\b${pattern}`.replaceAll('N', () => NUMBER),
    'gi',
  );
}

const WORDS: readonly (readonly [word: RegExp, sign: string])[] = [
  [/(?<=\d),(?=\d{3})/g, ''],
  [phrase('(?:add|sum of|adding|sum) N (?:and|to|with) N'), '$1 + $2'],
  [phrase('(?:multiply|multiplying|product of) N (?:and|by|with) N'), '$1 * $2'],
  [phrase('(?:divide|dividing) N by N'), '$1 / $2'],
  [phrase('(?:subtract|subtracting) N from N'), '$2 - $1'],
  [/\bplus\b/gi, '+'],
  [/\bminus\b/gi, '-'],
  [/\b(?:times|multiplied by)\b/gi, '*'],
  [/\b(?:divided by|over)\b/gi, '/'],
  [/\bto the power of\b/gi, '^'],
  [/[×·]/g, '*'],
  [/÷/g, '/'],
  [/[−–]/g, '-'],
  [/\*\*/g, '^'],
  [/(?<=\d\s?)x(?=\s?\d)/gi, '*'],
];

const ASKING = /\b(?:calculate|compute|what(?:'s|’s| is)|how much|minus|subtract|work out|evaluate)\b/i;

/** An amount, a rate in percent and a number of years. */
const INTEREST =
  /\bcompound interest (?:for|on|of) [$€£]?(\d[\d,.]{0,15}) at (\d{1,3}(?:\.\d{1,4})?) ?% .{0,40}?\bfor (\d{1,3}) years?\b/i;

/** The interest of all years, as an expression. */
function interest(text: string): Calculation | undefined {
  const [, given, rate, years] = INTEREST.exec(text) ?? [];
  if (given === undefined || rate === undefined || years === undefined) return undefined;
  const amount = Number(given.replaceAll(',', '').replace(/\.$/, ''));
  if (!Number.isFinite(amount)) return undefined;
  const expression = `${amount} * (1 + ${rate} / 100) ^ ${years} - ${amount}`;
  const operands = [amount, Number(rate), Number(years)];
  return { expression, value: calculate(expression), operands, operator: '*' };
}

/** Finds the first arithmetic expression in a text and calculates it. Undefined if there is none. */
export function calculation(text: string): Calculation | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const asInterest = interest(text);
  if (asInterest !== undefined) return asInterest;
  const signs = WORDS.reduce((written, [word, sign]) => written.replaceAll(word, sign), text);
  const isAsked = ASKING.test(text);
  for (const [run] of signs.matchAll(/[\d.+\-*/^%()\s]+/g)) {
    const expression = run
      .replace(/[\s+*/^%).(-]+$/, (end) => (end.trim().startsWith(')') ? ')' : ''))
      .trim();
    const found = evaluated(expression);
    // "555-1234" is an expression only if the text asks for a calculation.
    if (found !== undefined && (isAsked || /\s|[+*/^%(]/.test(expression))) return found;
  }
  return undefined;
}

function evaluated(expression: string): Calculation | undefined {
  const tokens = expression.match(/\d+(?:\.\d+)?|\.\d+|[+\-*/^%()]/g) ?? [];
  const operands = tokens.filter((token) => /\d/.test(token)).map(Number);
  const operator = tokens.find((token, index) => index > 0 && /[+\-*/^%]/.test(token));
  // "2024-11-21" and "1.2.3" are not expressions: every character must be part of it.
  if (operands.length < 2 || operator === undefined || tokens.join('') !== expression.replaceAll(/\s/g, '')) {
    return undefined;
  }
  if (/^\d{4}-\d{2}-\d{2}$/.test(expression)) return undefined;
  try {
    return { expression, value: calculate(expression), operands, operator };
  } catch {
    // What only looks like an expression has no value.
    return undefined;
  }
}

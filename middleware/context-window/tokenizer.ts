import { SluiceError } from '../../src/index.ts';

/** Counts the tokens of a text. */
export type CountText = (text: string) => number;

/**
 * The tokenizer takes time that grows with the square of the length of a text without spaces (11 s for 50,000 Chinese characters), so such texts
 * are split.
 */
const LONGEST_RUN = 128;
const LONG_RUNS = new RegExp(`\\S{${LONGEST_RUN + 1},}|\\s{${LONGEST_RUN + 1},}`, 'g');

let loading: Promise<CountText | { cause: unknown }> | undefined;

/**
 * The tokenizer of OpenAI's newer models (`o200k_base`), loaded on first use. Undefined if `gpt-tokenizer` is not installed or cannot be loaded;
 * with `required` an `invalid_options` error is thrown instead.
 */
export async function loadTokenizer(required: boolean): Promise<CountText | undefined> {
  loading ??= load();
  const loaded = await loading;
  if (typeof loaded === 'function') return loaded;
  if (!required) return undefined;
  const advice = 'npm install gpt-tokenizer, or leave the option out';
  throw new SluiceError(
    'invalid_options',
    `contextWindow(): counter is "tokenizer", but the package gpt-tokenizer cannot be loaded: ${advice}.`,
    loaded,
  );
}

async function load(): Promise<CountText | { cause: unknown }> {
  try {
    const { countTokens } = await import('gpt-tokenizer/encoding/o200k_base');
    // Text that looks like a special token counts as text. By default it is an error.
    const options = { disallowedSpecial: new Set<string>() };
    return (text) => {
      let tokens = 0;
      for (const piece of pieces(text)) tokens += countTokens(piece, options);
      return tokens;
    };
  } catch (cause) {
    return { cause };
  }
}

/** The text with its long runs split. Each split adds one token at most. */
function* pieces(text: string): Generator<string> {
  let at = 0;
  for (const { 0: run, index } of text.matchAll(LONG_RUNS)) {
    yield text.slice(at, index);
    for (let cut = 0; cut < run.length; cut += LONGEST_RUN) yield run.slice(cut, cut + LONGEST_RUN);
    at = index + run.length;
  }
  yield text.slice(at);
}

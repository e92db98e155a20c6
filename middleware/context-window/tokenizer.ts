import { SluiceError } from '../../src/index.ts';

/** Counts the tokens of a text. */
export type CountText = (text: string) => number;

/**
 * The tokenizer's time grows with the square of the length of a text without a space (50,000 Chinese characters take it 11 s), so such texts
 * are cut.
 */
const LONGEST_RUN = 128;
const LONG_RUNS = new RegExp(`\\S{${LONGEST_RUN + 1},}|\\s{${LONGEST_RUN + 1},}`, 'g');

let loading: Promise<CountText | { cause: unknown }> | undefined;

/**
 * The tokenizer of OpenAI's newer models (`o200k_base`), loaded when it is first asked for. Undefined where `gpt-tokenizer` is not installed
 * or cannot be loaded; with `required` that is an `invalid_options` error.
 */
export async function loadTokenizer(required: boolean): Promise<CountText | undefined> {
  loading ??= load();
  const loaded = await loading;
  if (typeof loaded === 'function') return loaded;
  if (!required) return undefined;
  const mend = 'npm install gpt-tokenizer, or leave the option out';
  throw new SluiceError(
    'invalid_options',
    `contextWindow(): counter is "tokenizer", but the package gpt-tokenizer cannot be loaded: ${mend}.`,
    loaded,
  );
}

async function load(): Promise<CountText | { cause: unknown }> {
  try {
    const { countTokens } = await import('gpt-tokenizer/encoding/o200k_base');
    // What looks like a special token in a text is text; by default it is an error.
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

/** The text with its long runs cut, which adds one token a cut at most. */
function* pieces(text: string): Generator<string> {
  let at = 0;
  for (const { 0: run, index } of text.matchAll(LONG_RUNS)) {
    yield text.slice(at, index);
    for (let cut = 0; cut < run.length; cut += LONGEST_RUN) yield run.slice(cut, cut + LONGEST_RUN);
    at = index + run.length;
  }
  yield text.slice(at);
}

import { SluiceError, findSluiceError } from '../../src/index.ts';
import type { ExecutionContext, Message, ModelRequest, Provider } from '../../src/index.ts';
import { estimateInputTokens, kindOfThrown, withDeadline } from '../../src/kit/index.ts';
import { loadTokenizer, type CountText } from './tokenizer.ts';

/** How long a provider or the user's function may take to count. */
const COUNT_MS = 10_000;

/** Counts the input tokens of a request, as its model does. */
export type TokenCounter = (
  request: ModelRequest,
  options: { signal: AbortSignal },
) => number | Promise<number>;

/** A provider that counts for itself, such as `anthropic()`. */
export type CountingProvider = Required<Pick<Provider, 'name' | 'countTokens'>>;

/** A way to count. */
export interface Counter {
  /** For errors, logs and events. */
  readonly name: string;
  /** Tokens of one message. With `remote` this is only an estimate of its share. */
  weigh(message: Message): number;
  /** Tokens of a request without its messages. */
  weighRest(request: ModelRequest): number;
  /** Asks for the count of a whole request. Without it the count is the sum of the weights. */
  readonly remote?: (request: ModelRequest) => Promise<number>;
}

/** The counter of the option `counter`. Default: the tokenizer if it is installed, else the heuristic. */
export async function counterOf(
  option: 'heuristic' | 'tokenizer' | TokenCounter | CountingProvider | undefined,
  context: ExecutionContext,
): Promise<Counter> {
  if (option === 'heuristic') return heuristic;
  const local = await tokenizer(option === 'tokenizer');
  if (option === undefined || option === 'tokenizer') return local;
  const isFunction = typeof option === 'function';
  const name = isFunction ? 'function' : option.name;
  const count: TokenCounter = isFunction ? option : (...asked) => option.countTokens(...asked);
  return {
    ...local,
    name,
    async remote(request) {
      return (await remoteCount(count, request, context, name)) ?? countTokens(local, request);
    },
  };
}

/** The tokens of a request. */
export async function countTokens(counter: Counter, request: ModelRequest): Promise<number> {
  if (counter.remote !== undefined) return counter.remote(request);
  return request.messages.reduce((sum, message) => sum + counter.weigh(message), counter.weighRest(request));
}

/** The count of a provider or of the user's function. If that fails, returns undefined with a warning, so that no turn fails because of it. */
async function remoteCount(
  count: TokenCounter,
  request: ModelRequest,
  context: ExecutionContext,
  name: string,
): Promise<number | undefined> {
  const { signal } = context;
  let tokens: number;
  try {
    tokens = await withDeadline(Promise.resolve(count(request, { signal })), COUNT_MS, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    const why = findSluiceError(error)?.code ?? kindOfThrown(error);
    context.warn(`contextWindow: the counter "${name}" failed (${why}), so tokens were estimated.`);
    return undefined;
  }
  if (Number.isFinite(tokens) && tokens >= 0) return tokens;
  throw new SluiceError('invalid_options', 'contextWindow(): counter returned no number of at least 0.');
}

/** A counter in this process. Each message is counted once, because messages do not change. */
function localCounter(name: string, textTokens?: CountText): Counter {
  const weights = new WeakMap<Message, number>();
  return {
    name,
    weigh(message) {
      const known = weights.get(message);
      if (known !== undefined) return known;
      const weight = estimateInputTokens({ messages: [message], parameters: {} }, textTokens);
      weights.set(message, weight);
      return weight;
    },
    weighRest: (request) => estimateInputTokens({ ...request, messages: [] }, textTokens),
  };
}

const heuristic = localCounter('heuristic');
let exact: Counter | undefined;

async function tokenizer(required: boolean): Promise<Counter> {
  const textTokens = await loadTokenizer(required);
  if (textTokens === undefined) return heuristic;
  exact ??= localCounter('gpt-tokenizer', textTokens);
  return exact;
}

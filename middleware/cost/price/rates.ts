import type { Usage } from '../../../src/index.ts';
import { rounded } from '../usd.ts';
import { countAt } from './fields.ts';
import type { ModelPrice } from './price-list.ts';

/** The cost of one call in parts. The total is the sum of the other four. */
export interface Amounts {
  /** Input that was neither read from nor written to the cache, and fees per request and per search. */
  inputUsd: number;
  outputUsd: number;
  cacheReadUsd: number;
  cacheWriteUsd: number;
  totalUsd: number;
}

/** Parts of a usage with prices of their own, which are only in the provider's own usage object. */
interface Details {
  /** The cache writes that are kept for an hour. */
  cacheWrite1h: number;
  inputAudio: number;
  inputImage: number;
  outputAudio: number;
  outputImage: number;
  searches: number;
}

/** Anthropic's price of a cache write for an hour, in prices of other input. It is used if the price itself is not known. */
const HOUR_WRITE_FACTOR = 2;

/**
 * What a usage costs at a model's prices. Cached and cache-write tokens are parts of the input and are priced once; reasoning is part of the
 * output. A part without a price of its own costs as much as the rest. `factor` multiplies the prices of tokens, not the fees. Undefined if
 * the input or the output has no price.
 *
 * The keys of prices are those of genai-prices: `_mtok` is per million tokens, `_kcount` per thousand. All input tokens together choose the tier of
 * a tiered price.
 */
export function amountsOf(usage: Usage, prices: ModelPrice, factor = 1): Amounts | undefined {
  const { inputTokens, outputTokens } = usage;
  const priceOf = (key: string): number | undefined => rate(prices[key], inputTokens);
  const dollars = (tokensTimesRate: number): number => (tokensTimesRate * factor) / 1e6;
  const input = priceOf('input_mtok');
  const output = priceOf('output_mtok');
  if (input === undefined && inputTokens > 0) return undefined;
  if (output === undefined && outputTokens > 0) return undefined;
  const inRate = input ?? 0;
  const outRate = output ?? 0;
  const details = detailsOf(usage.raw);

  const read = Math.min(usage.cachedInputTokens, inputTokens);
  const written = Math.min(usage.cacheWriteTokens, inputTokens - read);
  const written1h = Math.min(details.cacheWrite1h, written);
  const audioIn = Math.min(details.inputAudio, inputTokens - read - written);
  const imageIn = Math.min(details.inputImage, inputTokens - read - written - audioIn);
  const plain = inputTokens - read - written - audioIn - imageIn;
  const reasoning = Math.min(usage.reasoningTokens, outputTokens);
  const audioOut = Math.min(details.outputAudio, outputTokens - reasoning);
  const imageOut = Math.min(details.outputImage, outputTokens - reasoning - audioOut);

  const writeRate = priceOf('cache_write_mtok') ?? inRate;
  const hourRate = priceOf('cache_write_1h_mtok') ?? Math.max(writeRate, HOUR_WRITE_FACTOR * inRate);
  const fees =
    thousandth(priceOf('requests_kcount')) + details.searches * thousandth(priceOf('web_searches_kcount'));
  const inputUsd = rounded(
    dollars(
      plain * inRate +
        audioIn * (priceOf('input_audio_mtok') ?? inRate) +
        imageIn * (priceOf('input_image_mtok') ?? inRate),
    ) + fees,
  );
  const outputUsd = rounded(
    dollars(
      (outputTokens - reasoning - audioOut - imageOut) * outRate +
        reasoning * (priceOf('output_reasoning_mtok') ?? outRate) +
        audioOut * (priceOf('output_audio_mtok') ?? outRate) +
        imageOut * (priceOf('output_image_mtok') ?? outRate),
    ),
  );
  const cacheReadUsd = rounded(dollars(read * (priceOf('cache_read_mtok') ?? inRate)));
  const cacheWriteUsd = rounded(dollars((written - written1h) * writeRate + written1h * hourRate));
  const totalUsd = inputUsd + outputUsd + cacheReadUsd + cacheWriteUsd;
  return { inputUsd, outputUsd, cacheReadUsd, cacheWriteUsd, totalUsd };
}

/** The sum of amounts. */
export function sumAmounts(all: readonly Amounts[]): Amounts {
  const sum = { inputUsd: 0, outputUsd: 0, cacheReadUsd: 0, cacheWriteUsd: 0 };
  for (const amounts of all) {
    sum.inputUsd = rounded(sum.inputUsd + amounts.inputUsd);
    sum.outputUsd = rounded(sum.outputUsd + amounts.outputUsd);
    sum.cacheReadUsd = rounded(sum.cacheReadUsd + amounts.cacheReadUsd);
    sum.cacheWriteUsd = rounded(sum.cacheWriteUsd + amounts.cacheWriteUsd);
  }
  const totalUsd = sum.inputUsd + sum.outputUsd + sum.cacheReadUsd + sum.cacheWriteUsd;
  return { ...sum, totalUsd };
}

/**
 * The parts of a usage that have a price of their own, which is not among these prices. Cached tokens count only if the prices are those of the
 * list: a caller who gives no price for them says that they cost as much as other input. Images in the input cost as much as text, unless the
 * prices say something else.
 */
export function unpricedParts(usage: Usage, prices: ModelPrice, isOwn: boolean): string[] {
  const details = detailsOf(usage.raw);
  const needed: [count: number, key: string, name: string][] = [
    [details.inputAudio, 'input_audio_mtok', 'audio in the input'],
    [details.outputAudio, 'output_audio_mtok', 'audio in the output'],
    [details.outputImage, 'output_image_mtok', 'images in the output'],
    [details.searches, 'web_searches_kcount', 'web searches'],
    [details.cacheWrite1h, 'cache_write_1h_mtok', 'cache writes for an hour'],
    [isOwn ? 0 : usage.cachedInputTokens, 'cache_read_mtok', 'cached input'],
    [isOwn ? 0 : usage.cacheWriteTokens, 'cache_write_mtok', 'cache writes'],
  ];
  return needed.flatMap(([count, key, name]) => (count > 0 && prices[key] === undefined ? [name] : []));
}

/** The price itself, or that of the highest tier that the input tokens reach: it applies to the whole request. */
function rate(price: ModelPrice[string], inputTokens: number): number | undefined {
  if (price === undefined || typeof price === 'number') return price;
  let reached = price.base;
  let from = -1;
  for (const tier of price.tiers) {
    if (inputTokens <= tier.start || tier.start < from) continue;
    from = tier.start;
    reached = tier.price;
  }
  return reached;
}

/** Field names: the usage objects of Anthropic's Messages and of OpenAI's Chat Completions and Responses. */
function detailsOf(raw: unknown): Details {
  const eitherOf = (chat: string, responses: string, name: string): number =>
    countAt(raw, chat, name) || countAt(raw, responses, name);
  return {
    cacheWrite1h: countAt(raw, 'cache_creation', 'ephemeral_1h_input_tokens'),
    inputAudio: eitherOf('prompt_tokens_details', 'input_tokens_details', 'audio_tokens'),
    inputImage: eitherOf('prompt_tokens_details', 'input_tokens_details', 'image_tokens'),
    outputAudio: eitherOf('completion_tokens_details', 'output_tokens_details', 'audio_tokens'),
    outputImage: eitherOf('completion_tokens_details', 'output_tokens_details', 'image_tokens'),
    searches: countAt(raw, 'server_tool_use', 'web_search_requests'),
  };
}

function thousandth(value: number | undefined): number {
  return (value ?? 0) / 1e3;
}

import type { ModelPrice } from '@pydantic/genai-prices';
import type { Usage } from '../../../src/index.ts';
import { rounded } from '../usd.ts';

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
  outputAudio: number;
  searches: number;
}

/**
 * What a usage costs at a model's prices. Cached and cache-write tokens are parts of the input and are priced once; reasoning is part of the
 * output. A part without a price of its own costs as much as the rest. Undefined if there is no price for the input or the output.
 *
 * The keys of prices are those of genai-prices: `_mtok` is per million tokens, `_kcount` per thousand. All input tokens together choose the tier of
 * a tiered price.
 */
export function amountsOf(usage: Usage, prices: ModelPrice): Amounts | undefined {
  const { inputTokens, outputTokens } = usage;
  const priceOf = (key: string): number | undefined => rate(prices[key], inputTokens);
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
  const plain = inputTokens - read - written - audioIn;
  const reasoning = Math.min(usage.reasoningTokens, outputTokens);
  const audioOut = Math.min(details.outputAudio, outputTokens - reasoning);

  const writeRate = priceOf('cache_write_mtok') ?? inRate;
  const fees =
    thousandth(priceOf('requests_kcount')) + details.searches * thousandth(priceOf('web_searches_kcount'));
  const inputUsd = rounded(
    millionths(plain * inRate + audioIn * (priceOf('input_audio_mtok') ?? inRate)) + fees,
  );
  const outputUsd = rounded(
    millionths(
      (outputTokens - reasoning - audioOut) * outRate +
        reasoning * (priceOf('output_reasoning_mtok') ?? outRate) +
        audioOut * (priceOf('output_audio_mtok') ?? outRate),
    ),
  );
  const cacheReadUsd = rounded(millionths(read * (priceOf('cache_read_mtok') ?? inRate)));
  const cacheWriteUsd = rounded(
    millionths((written - written1h) * writeRate + written1h * (priceOf('cache_write_1h_mtok') ?? writeRate)),
  );
  const totalUsd = inputUsd + outputUsd + cacheReadUsd + cacheWriteUsd;
  return { inputUsd, outputUsd, cacheReadUsd, cacheWriteUsd, totalUsd };
}

/** Every amount multiplied by a factor, for example for a tier at half the price. */
export function scaled(amounts: Amounts, factor: number): Amounts {
  const inputUsd = rounded(amounts.inputUsd * factor);
  const outputUsd = rounded(amounts.outputUsd * factor);
  const cacheReadUsd = rounded(amounts.cacheReadUsd * factor);
  const cacheWriteUsd = rounded(amounts.cacheWriteUsd * factor);
  const totalUsd = inputUsd + outputUsd + cacheReadUsd + cacheWriteUsd;
  return { inputUsd, outputUsd, cacheReadUsd, cacheWriteUsd, totalUsd };
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

/** Field names: the usage objects of Anthropic's Messages and of OpenAI's Chat Completions. */
function detailsOf(raw: unknown): Details {
  return {
    cacheWrite1h: countAt(raw, 'cache_creation', 'ephemeral_1h_input_tokens'),
    inputAudio: countAt(raw, 'prompt_tokens_details', 'audio_tokens'),
    outputAudio: countAt(raw, 'completion_tokens_details', 'audio_tokens'),
    searches: countAt(raw, 'server_tool_use', 'web_search_requests'),
  };
}

function countAt(raw: unknown, outer: string, inner: string): number {
  const value = field(field(raw, outer), inner);
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

function millionths(value: number): number {
  return value / 1e6;
}

function thousandth(value: number | undefined): number {
  return (value ?? 0) / 1e3;
}

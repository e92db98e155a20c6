import type { ModelPrice } from '@pydantic/genai-prices';
import { loadPeer } from '../../../src/kit/index.ts';

export type { ModelPrice } from '@pydantic/genai-prices';

type PriceList = Pick<typeof import('@pydantic/genai-prices'), 'calcPrice' | 'findProvider'>;

const PEER = { neededBy: 'cost()', name: '@pydantic/genai-prices', range: '^0.1.8' };
const NOTHING = { input_tokens: 0, output_tokens: 0 };

let list: PriceList | undefined;

/**
 * Loads the list, before the first price is asked for. Undefined if it is loaded. Rejects with `invalid_options` if the package is missing; the
 * next call tries again.
 */
export function loadPriceList(): Promise<void> | undefined {
  return list === undefined ? load() : undefined;
}

async function load(): Promise<void> {
  list = await loadPeer(PEER, () => import('@pydantic/genai-prices'));
}

function loadedList(): PriceList {
  if (list === undefined) throw new Error('The price list is not loaded.');
  return list;
}

/** The price of a model in the list at a time. Undefined if the list has none. Takes about 50 us. */
export function listedPrice(providerId: string, model: string, atMs: number): ModelPrice | undefined {
  const found = loadedList().calcPrice(NOTHING, model, { providerId, timestamp: new Date(atMs) });
  return found?.model_price;
}

/** The provider of the list that an address belongs to. Undefined if it belongs to none. */
export function listedProviderAt(address: string): string | undefined {
  return loadedList().findProvider({ providerApiUrl: address })?.id;
}

import { calcPrice, findProvider, type ModelPrice } from '@pydantic/genai-prices';

export type { ModelPrice } from '@pydantic/genai-prices';

const NOTHING = { input_tokens: 0, output_tokens: 0 };

/** The price of a model in the list at a time. Undefined if the list has none. Takes about 50 us. */
export function listedPrice(providerId: string, model: string, atMs: number): ModelPrice | undefined {
  const found = calcPrice(NOTHING, model, { providerId, timestamp: new Date(atMs) });
  return found?.model_price;
}

/** The provider of the list that an address belongs to. Undefined if it belongs to none. */
export function listedProviderAt(address: string): string | undefined {
  return findProvider({ providerApiUrl: address })?.id;
}

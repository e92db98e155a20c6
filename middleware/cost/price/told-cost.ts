import { field } from './fields.ts';

/**
 * What the server itself says that the call cost, in US dollars. Only OpenRouter says it in a form that is known: `cost` in credits of a dollar
 * each. With a key of the caller's own at the provider behind it, `cost` is only the fee, and what that provider charges stands beside it.
 * Source: https://openrouter.ai/docs/use-cases/usage-accounting
 */
export function toldUsd(raw: unknown, listName: string | undefined): number | undefined {
  if (listName !== 'openrouter') return undefined;
  const cost = amount(field(raw, 'cost'));
  if (cost === undefined || field(raw, 'is_byok') !== true) return cost;
  const upstream = amount(field(field(raw, 'cost_details'), 'upstream_inference_cost'));
  return upstream === undefined ? undefined : cost + upstream;
}

function amount(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value < Infinity ? value : undefined;
}

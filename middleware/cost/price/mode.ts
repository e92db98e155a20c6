import type { Call } from '../../../src/index.ts';
import { textAt } from './fields.ts';

/** How a call is served, as far as its price depends on it. */
export interface Mode {
  /** The service tier; '' if nobody named one. Anthropic's fast mode counts as the tier `fast`. */
  tier: string;
  /** The region; '' if nobody named one. */
  region: string;
  /** Whether the server has said how it serves the call. If not, this is what the request asks for. */
  isTold: boolean;
}

/** The speed of Anthropic's API that has a price of its own. */
export const FAST = 'fast';

/**
 * The mode of a call: what the server said, else what the request asks for in `providerOptions`. `raw` is the provider's own usage object.
 */
export function modeOf({ request, provider, serviceTier }: Call, raw: unknown): Mode {
  const asked = provider === undefined ? undefined : request.parameters.providerOptions?.[provider];
  const speed = textAt(raw, 'speed');
  const isFast = (speed ?? textAt(asked, 'speed')) === FAST;
  const told = serviceTier === '' ? undefined : serviceTier;
  return {
    tier: isFast ? FAST : (told ?? textAt(asked, 'service_tier') ?? ''),
    region: textAt(raw, 'inference_geo') ?? textAt(asked, 'inference_geo') ?? '',
    isTold: isFast ? speed !== undefined : told !== undefined || speed !== undefined,
  };
}

import type { Parameters } from '../src/index.ts';
import type { PackParameters } from './pack-types.ts';

const SENT: ReadonlySet<string> = new Set([
  'temperature',
  'max_tokens',
  'top_p',
  'top_k',
  'frequency_penalty',
  'presence_penalty',
]);

/** The parameters of a pack as parameters of a request. Only Anthropic has `top_k`. */
export function packParameters(given: PackParameters): Parameters {
  const { temperature, max_tokens, top_p, top_k, frequency_penalty, presence_penalty } = given;
  return {
    ...(temperature !== undefined && { temperature }),
    ...(max_tokens !== undefined && { maxTokens: max_tokens }),
    ...(top_p !== undefined && { topP: top_p }),
    ...(frequency_penalty !== undefined && { frequencyPenalty: frequency_penalty }),
    ...(presence_penalty !== undefined && { presencePenalty: presence_penalty }),
    ...(typeof top_k === 'number' && { providerOptions: { anthropic: { top_k } } }),
  };
}

/** Which parameters of a pack cannot be sent to a provider, one clause each. */
export function unsentParameters(all: readonly PackParameters[], provider: string): string[] {
  const names = new Set(all.flatMap((given) => Object.keys(given)));
  const unsent = [...names].filter((name) => !SENT.has(name));
  const topK = all.some(({ top_k }) => typeof top_k === 'number');
  if (topK && provider !== 'anthropic') unsent.push('top_k');
  return unsent.map((name) => `its parameter ${name} is not sent to ${provider}`);
}

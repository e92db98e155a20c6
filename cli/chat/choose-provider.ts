import { PRESETS } from '../../providers/openai/shared.ts';
import type { Preset, PresetName } from '../../providers/openai/shared.ts';
import { UsageError } from '../usage-error.ts';

/** The providers of the command line. */
export const providerNames = ['openai', 'anthropic', 'demo'] as const;

/** One of them. */
export type ProviderName = (typeof providerNames)[number];

/** The environment variables with the API keys. */
export const keyNames = { openai: 'OPENAI_API_KEY', anthropic: 'ANTHROPIC_API_KEY' } as const;

/** The models that are used without `--model`, for the help. The providers' own constants would load their SDKs. */
export const defaultModels: Readonly<Record<ProviderName, string>> = {
  openai: 'gpt-6-luna',
  anthropic: 'claude-opus-5-5',
  demo: 'demo',
};

/** What the command line says about the provider. All of it is optional. */
export interface ProviderWishes {
  provider?: ProviderName | undefined;
  model?: string | undefined;
  baseUrl?: string | undefined;
  api?: 'chat' | 'responses' | undefined;
  /** A service that speaks OpenAI's API. */
  preset?: PresetName | undefined;
}

/** The provider to talk to. */
export interface ProviderChoice {
  name: ProviderName;
  model?: string | undefined;
  baseURL?: string | undefined;
  api?: 'chat' | 'responses' | undefined;
  preset?: PresetName | undefined;
  /** Absent only for the demo, and for a server of the user's own that may not need one. */
  apiKey?: string | undefined;
  /** What the user should know about the choice. */
  note?: string | undefined;
}

/**
 * Chooses the provider: the one of `--provider`; otherwise, with `--base-url`, a server compatible with OpenAI; otherwise by the keys in the
 * environment. Without a key it is the demo, with one key its provider, with both the one that `LLM_PROVIDER` names, or Anthropic. Throws a
 * `UsageError` if the settings do not fit together.
 */
export function chooseProvider(
  wishes: ProviderWishes,
  environment: Readonly<Record<string, string | undefined>>,
): ProviderChoice {
  if (wishes.preset !== undefined) return presetChoice(wishes, wishes.preset, environment);
  const keys = {
    openai: keyOf('openai', environment),
    anthropic: keyOf('anthropic', environment),
    demo: undefined,
  };
  const { name, note } = nameOf(wishes, keys, environment);
  check(wishes, name, keys[name]);
  return { name, model: wishes.model, baseURL: wishes.baseUrl, api: wishes.api, apiKey: keys[name], note };
}

/** The service of `--preset`, with the key of its own variable. */
function presetChoice(
  { provider, model, baseUrl, api }: ProviderWishes,
  preset: PresetName,
  environment: Readonly<Record<string, string | undefined>>,
): ProviderChoice {
  const { title, keyVariable, needsKey, baseURL, baseURLAdvice }: Preset = PRESETS[preset];
  if (provider !== undefined)
    throw new UsageError('--preset and --provider do not go together: leave one of the two out.');
  if (model === undefined)
    throw new UsageError(
      `--preset ${preset} needs --model: sluice models --preset ${preset} lists those of ${title}.`,
    );
  if (baseUrl === undefined && baseURL === undefined)
    throw new UsageError(`--preset ${preset} needs --base-url: ${baseURLAdvice ?? ''}.`);
  checkBaseUrl(baseUrl);
  const apiKey = (keyVariable === undefined ? undefined : environment[keyVariable]?.trim()) || undefined;
  if (apiKey === undefined && needsKey && baseUrl === undefined)
    throw new UsageError(`--preset ${preset} needs a key: set ${keyVariable ?? ''}.`);
  return { name: 'openai', preset, model, baseURL: baseUrl, api, apiKey };
}

type Keys = Readonly<Record<ProviderName, string | undefined>>;

function nameOf(
  wishes: ProviderWishes,
  keys: Keys,
  environment: Readonly<Record<string, string | undefined>>,
): { name: ProviderName; note?: string } {
  if (wishes.provider !== undefined) return { name: wishes.provider };
  const preferred = preferredProvider(environment);
  if (wishes.baseUrl !== undefined) return { name: 'openai' };
  if (preferred === 'demo' || (preferred !== undefined && keys[preferred] !== undefined))
    return { name: preferred };
  const name = keys.anthropic !== undefined ? 'anthropic' : keys.openai !== undefined ? 'openai' : 'demo';
  if (preferred === undefined) return { name };
  return { name, note: `LLM_PROVIDER is ${preferred}, but ${keyNames[preferred]} is not set.` };
}

function preferredProvider(
  environment: Readonly<Record<string, string | undefined>>,
): ProviderName | undefined {
  const value = environment['LLM_PROVIDER']?.trim();
  if (value === undefined || value === '') return undefined;
  const known = providerNames.find((name) => name === value.toLowerCase());
  if (known === undefined) {
    throw new UsageError(
      `LLM_PROVIDER is "${value.slice(0, 40)}": set it to ${providerNames.join(', ')}, or unset it.`,
    );
  }
  return known;
}

function check({ model, baseUrl, api }: ProviderWishes, name: ProviderName, key: string | undefined): void {
  if (api !== undefined && name !== 'openai') {
    throw new UsageError(`--api works only with openai and compatible servers, not with ${name}: remove it.`);
  }
  checkBaseUrl(baseUrl);
  if (name !== 'demo') {
    if (key !== undefined || baseUrl !== undefined) return;
    throw new UsageError(`--provider ${name} needs a key: set ${keyNames[name]}.`);
  }
  if (baseUrl !== undefined)
    throw new UsageError('--base-url cannot be used with the demo model, which is built in: remove it.');
  if (model !== undefined && model !== defaultModels.demo) {
    throw new UsageError(
      `--model ${model.slice(0, 80)} needs a provider: set ${keyNames.openai} or ${keyNames.anthropic}, or give --base-url. The demo has only one model.`,
    );
  }
}

function keyOf(
  name: 'openai' | 'anthropic',
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const key = environment[keyNames[name]]?.trim();
  return key === '' ? undefined : key;
}

/** Throws a `UsageError` for an address that cannot be asked. */
export function checkBaseUrl(given: string | undefined): void {
  if (given === undefined || (URL.canParse(given) && /^https?:$/.test(new URL(given).protocol))) return;
  throw new UsageError('--base-url is not an http or https URL: give one such as http://127.0.0.1:11434/v1.');
}

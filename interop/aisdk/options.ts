import * as z from 'zod';

import { SluiceError } from '../../src/index.ts';
import { kindOf, parseOptions } from '../../src/kit/index.ts';
import { limitsSchema } from '../../providers/wire/index.ts';
import type { Limits } from '../../providers/wire/index.ts';
import { packageOf } from './model.ts';
import type { AISDKModel } from './model.ts';

/** A tool that the provider defines, as the packages make them: `google.tools.googleSearch({})`. */
export interface AISDKProviderTool {
  type: 'provider';
  /** Such as `google.google_search`. */
  id: string;
  args: Record<string, unknown>;
}

/** Options of `aisdk()`. */
export interface AISDKOptions {
  /** The name for prices, errors and logs. Default: the first word of the model's own provider name, such as `google`. */
  name?: string | undefined;
  /** Tools that the provider defines, by the name that the model knows them by, such as `{ google_search: google.tools.googleSearch({}) }`. */
  providerTools?: Readonly<Record<string, AISDKProviderTool>> | undefined;
  /** What no error, warning or log may show. The keys in the model's own headers are known anyway. */
  secrets?: readonly string[] | undefined;
  /** Makes what the model cannot take an error instead of a warning. A request can say so, too. Default: false. */
  strict?: boolean | undefined;
  /** How much a reply may hold. Exceeding a limit is a `protocol` error. */
  limits?: Partial<Limits> | undefined;
}

/** The options after the check, with their defaults. */
export interface Settings {
  name: string;
  providerTools: Readonly<Record<string, AISDKProviderTool>>;
  secrets: readonly string[];
  strict: boolean;
  limits: Limits;
}

const schema = z.strictObject({
  name: z.string().min(1).optional(),
  providerTools: z
    .record(
      z.string(),
      z.looseObject({ type: z.literal('provider'), id: z.string().min(1), args: z.looseObject({}) }),
    )
    .default({}),
  secrets: z.array(z.string().min(1)).default([]),
  strict: z.boolean().default(false),
  limits: limitsSchema.prefault({}),
});

/** Checks the model and the options. Throws one `invalid_options` error that names every problem. */
export function aisdkSettings(model: AISDKModel, options: AISDKOptions): Settings {
  checkModel(model);
  const { name = packageOf(model), ...given } = parseOptions('aisdk()', schema, options);
  return { name, ...given };
}

const ADVICE =
  "give a language model of a current @ai-sdk package, such as google('gemini-3-flash'), which has specification v3 or v4";

function checkModel(model: unknown): void {
  const version: unknown = read(model, 'specificationVersion');
  if (version !== undefined && version !== 'v3' && version !== 'v4') {
    throw new SluiceError(
      'invalid_options',
      `aisdk(): the model has specification ${shown(version)}: ${ADVICE}. Update its package.`,
    );
  }
  const lacks = ['specificationVersion', 'provider', 'modelId', 'doStream'].filter(
    (name) => typeof read(model, name) !== (name === 'doStream' ? 'function' : 'string'),
  );
  if (lacks.length === 0) return;
  const what =
    typeof model === 'object' && model !== null ? `an object without ${lacks.join(', ')}` : kindOf(model);
  throw new SluiceError('invalid_options', `aisdk(): the model is ${what}: ${ADVICE}.`);
}

function read(from: unknown, name: string): unknown {
  return typeof from === 'object' && from !== null ? Reflect.get(from, name) : undefined;
}

function shown(version: unknown): string {
  return typeof version === 'string' && /^\w{1,10}$/.test(version) ? version : kindOf(version);
}

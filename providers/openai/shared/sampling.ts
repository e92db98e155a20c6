import type { Parameters } from '../../../src/index.ts';
import { refusedParameters } from '../server/refused-parameters.ts';
import type { RefusedParameters } from '../server/refused-parameters.ts';
import type { RequestContext, Json } from './request-context.ts';

/** A parameter that some models refuse. */
interface Refusable {
  /** Its name on the wire. */
  field: string;
  kind: keyof RefusedParameters;
  /** Its value in models that refuse the parameter. */
  standard?: number;
}

const REFUSABLE = {
  temperature: { field: 'temperature', kind: 'sampling', standard: 1 },
  topP: { field: 'top_p', kind: 'sampling', standard: 1 },
  frequencyPenalty: { field: 'frequency_penalty', kind: 'penalties', standard: 0 },
  presencePenalty: { field: 'presence_penalty', kind: 'penalties', standard: 0 },
  stopSequences: { field: 'stop', kind: 'stop' },
} as const satisfies Partial<Record<keyof Parameters, Refusable>>;

/**
 * Returns a function that gives the sampling parameters one by one. A parameter that the model refuses is left out and
 * reported; if its value is the model's own, it is left out silently. A parameter that the caller's fields replace is not
 * checked. At hosts other than OpenAI's and Azure's the server decides. `effort` is the reasoning effort of the request,
 * including the caller's fields.
 */
export function sampling(context: RequestContext, fields: Json, effort: unknown) {
  const { settings, request } = context;
  const model = request.model ?? settings.model;
  return function take<Name extends keyof typeof REFUSABLE>(name: Name): Parameters[Name] | undefined {
    const value = request.parameters[name];
    const { field, kind, standard }: Refusable = REFUSABLE[name];
    if (value === undefined || field in fields) return value;
    if (settings.preset?.refuses?.includes(name) === true) {
      context.unsupported(`${settings.preset.title} takes no ${name}, it is left out`);
      return undefined;
    }
    if (!settings.isOpenAI) return value;
    if (!refusedParameters(model, typeof effort === 'string' ? effort : undefined)[kind]) return value;
    if (value !== standard) context.unsupported(`the model ${model} takes no ${name}, it is left out`);
    return undefined;
  };
}

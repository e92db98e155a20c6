import type { Parameters } from '../../../src/index.ts';
import { refusals } from '../server/refused-parameters.ts';
import type { Refusals } from '../server/refused-parameters.ts';
import type { RequestContext, Json } from './request-context.ts';

/** A parameter that some models refuse. */
interface Refusable {
  /** What it is called on the wire. */
  field: string;
  kind: keyof Refusals;
  /** The value that a model which refuses the parameter has anyway. */
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
 * Gives out the parameters that steer the choice of words, one by one. One that the model refuses is left out with a warning, or
 * with `strict` is an error; without a word if its value is the model's own anyway. One that the caller's fields replace is not
 * looked at, and at hosts other than OpenAI's and Azure's the server decides. `effort` is the one that counts, also of the fields.
 */
export function sampling(context: RequestContext, fields: Json, effort: unknown) {
  const { settings, request } = context;
  const model = request.model ?? settings.model;
  return function take<Name extends keyof typeof REFUSABLE>(name: Name): Parameters[Name] | undefined {
    const value = request.parameters[name];
    const { field, kind, standard }: Refusable = REFUSABLE[name];
    if (value === undefined || !settings.isOpenAI || field in fields) return value;
    if (!refusals(model, typeof effort === 'string' ? effort : undefined)[kind]) return value;
    if (value !== standard) context.unsupported(`the model ${model} takes no ${name}, it is left out`);
    return undefined;
  };
}

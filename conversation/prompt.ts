import { SluiceError } from '../src/index.ts';
import type { Parameters } from '../src/index.ts';
import { packParameters, unsentParameters } from './parameters.ts';
import { offeredTools } from './pack-tools.ts';
import type { PackPrompt, PackVariable, PromptPack } from './pack-types.ts';
import { compileTemplate, delimitersOf, fill, variablesOf } from './template.ts';
import type { Piece, Scope } from './template.ts';
import { isKnownType, textOfValue } from './variables.ts';

/** Values of variables as text, by name. */
export type Values = ReadonlyMap<string, string>;

/** One prompt of a pack, ready to be filled in. */
export class Prompt {
  readonly #name: string;
  readonly #prompt: PackPrompt;
  readonly #declared: ReadonlyMap<string, PackVariable>;
  readonly #defaults: Values;
  readonly #template: readonly Piece[];
  /** The templates of `model_overrides`, by the name of the model. */
  readonly #overrides: ReadonlyMap<string, readonly Piece[]>;
  /** Which variables may be set: declared ones, and those that a template or fragment names. */
  readonly #names: ReadonlySet<string>;

  /** `pack` must match the schema. Throws `invalid_options` with the JSON path of what is wrong in its templates. */
  constructor(pack: PromptPack, name: string) {
    const prompt = ownValue(pack.prompts, name);
    if (prompt === undefined) {
      const there = Object.keys(pack.prompts).join(', ');
      throw new SluiceError('invalid_options', `Pack: prompts.${name} does not exist: give one of ${there}.`);
    }
    const path = `prompts.${name}`;
    const variables = prompt.variables ?? [];
    this.#name = name;
    this.#prompt = prompt;
    this.#declared = new Map(variables.map((variable) => [variable.name, variable]));
    this.#defaults = defaultsOf(variables);
    const scope = scopeOf(pack, this.#declared);
    this.#template = compileTemplate(prompt.system_template, `${path}.system_template`, scope);
    this.#overrides = new Map(
      Object.entries(prompt.model_overrides ?? {}).map(([model, override]) => {
        const { system_template_prefix: before = '', system_template_suffix: after = '' } = override;
        const template = `${before}${override.system_template ?? prompt.system_template}${after}`;
        return [model, compileTemplate(template, `${path}.model_overrides.${model}`, scope)];
      }),
    );
    const named = [this.#template, ...this.#overrides.values()].flatMap(variablesOf);
    this.#names = new Set([...this.#declared.keys(), ...named]);
  }

  /**
   * Checks a value against its variable's declaration and returns its text. Throws `invalid_options`, also for a name that is
   * neither declared nor in a template.
   */
  textOf(name: string, value: unknown): string {
    if (!this.#names.has(name)) {
      const there = [...this.#names].join(', ') || 'none';
      throw new SluiceError(
        'invalid_options',
        `The prompt ${this.#name} has no variable "${name.slice(0, 100)}". Its variables are: ${there}.`,
      );
    }
    return textOfValue(value, this.#declared.get(name), `Variable ${name}`);
  }

  /**
   * The system prompt for a model. A variable without a value uses its default. Without a default, an optional variable is empty; a required or an
   * undeclared one is an `invalid_options` error.
   */
  system(values: Values, model: string): string {
    const missing = new Set<string>();
    const text = fill(this.#overrides.get(model) ?? this.#template, (name) => {
      const value = values.get(name) ?? this.#defaults.get(name);
      if (value === undefined && this.#declared.get(name)?.required !== false) missing.add(name);
      return value ?? '';
    });
    for (const { name, required } of this.#declared.values())
      if (required && !values.has(name) && !this.#defaults.has(name)) missing.add(name);
    if (missing.size > 0) {
      const advice = 'set them with setVariable(), or in variables when you open the conversation';
      throw new SluiceError(
        'invalid_options',
        `The prompt ${this.#name} has variables without a value (${[...missing].join(', ')}): ${advice}.`,
      );
    }
    return text;
  }

  /** The pack's parameters for a model. */
  parameters(model: string): Parameters {
    const { parameters, model_overrides: overrides = {}, tool_policy: policy } = this.#prompt;
    const own = packParameters({ ...parameters, ...ownValue(overrides, model)?.parameters });
    // A tool choice without tools is an error on the wires.
    const choice = offeredTools(this.#prompt).length > 0 ? policy?.tool_choice : undefined;
    return choice === undefined || choice === 'auto' ? own : { ...own, toolChoice: choice };
  }

  /** What the prompt asks for but has no effect, one sentence each. `provider` is the provider's name. */
  unused(provider: string): string[] {
    const { validators = [], parameters = {}, model_overrides: overrides = {} } = this.#prompt;
    const all = [parameters, ...Object.values(overrides).map((override) => override.parameters ?? {})];
    const enabled = validators.filter((validator) => validator.enabled).map(({ type }) => type);
    const other = ['evals', 'media', 'pipeline'].filter((field) => this.#prompt[field] !== undefined);
    const unknown = [...this.#declared.values()].filter(({ type }) => !isKnownType(type));
    return [
      ...(enabled.length > 0 ? [`its validators are not run (${enabled.join(', ')})`] : []),
      ...other.map((field) => `its field ${field} has no effect`),
      ...unsentParameters(all, provider),
      ...unknown.map(
        ({ name, type }) => `values of ${name} are not checked, because the type ${type} is not known`,
      ),
    ].map((what) => `The prompt ${this.#name} of the pack: ${what}.`);
  }
}

function scopeOf(pack: PromptPack, declared: ReadonlyMap<string, PackVariable>): Scope {
  const delimiters = delimitersOf(pack.template_engine.syntax);
  if (delimiters === undefined) {
    const advice = 'give a name between delimiters, such as "{{variable}}"';
    throw new SluiceError('invalid_options', `Pack: template_engine.syntax is not supported: ${advice}.`);
  }
  return {
    delimiters,
    fragments: new Map(Object.entries(pack.fragments ?? {})),
    declared: new Set(declared.keys()),
  };
}

function defaultsOf(variables: readonly PackVariable[]): Values {
  const defaults = new Map<string, string>();
  for (const variable of variables) {
    if (variable.default !== undefined)
      defaults.set(variable.name, textOfValue(variable.default, variable, `Variable ${variable.name}`));
  }
  return defaults;
}

/** A value of a map in the pack, without the properties that every object inherits. */
function ownValue<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

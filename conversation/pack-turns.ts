import { contextKey } from '../src/index.ts';
import type { ExecutionOptions, Middleware } from '../src/index.ts';
import type { SystemText } from '../middleware/index.ts';
import type { Prompt } from './prompt.ts';

/** The completed system prompt of one turn. */
const SystemPrompt = contextKey<string>('conversation.system');
const Warnings = contextKey<readonly string[]>('conversation.warnings');

/** What a pack's prompt adds to the turns of one conversation: its system prompt, its parameters and its warnings. */
export class PackTurns {
  readonly warnings: readonly string[];
  readonly #prompt: Prompt;
  readonly #model: string;
  readonly #values: Map<string, string>;

  constructor(
    prompt: Prompt,
    model: string,
    warnings: readonly string[],
    values = new Map<string, string>(),
  ) {
    this.#prompt = prompt;
    this.#model = model;
    this.warnings = warnings;
    this.#values = values;
  }

  set(name: string, value: unknown): void {
    if (value === undefined) this.#values.delete(name);
    else this.#values.set(name, this.#prompt.textOf(name, value));
  }

  /** The options of a turn with those of the pack added. The caller's parameters override the pack's. */
  turn(options: ExecutionOptions): ExecutionOptions {
    const { model = this.#model, parameters = {}, values = [] } = options;
    if (!isRecord(parameters) || !isIterable(values)) return options; // the pipeline will refuse them
    const own = Object.entries(parameters).filter(([, value]) => value !== undefined);
    return {
      ...options,
      parameters: { ...this.#prompt.parameters(model), ...Object.fromEntries(own) },
      values: [
        ...values,
        SystemPrompt.with(this.#prompt.system(this.#values, model)),
        Warnings.with(this.warnings),
      ],
    };
  }

  copy(): PackTurns {
    return new PackTurns(this.#prompt, this.#model, this.warnings, new Map(this.#values));
  }
}

/** The text for `system()` in the pipeline of a pack. */
export const systemPrompt: SystemText = (context) => context.get(SystemPrompt);

/** Adds the pack's warnings to every result. */
export function packWarnings(): Middleware {
  return function packWarnings(context, next) {
    for (const warning of context.get(Warnings) ?? []) context.warn(warning);
    return next();
  };
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

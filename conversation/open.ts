import * as z from 'zod';
import { provider, retry, system, timeout } from '../middleware/index.ts';
import { Pipeline, SluiceError, checkSessionKey } from '../src/index.ts';
import { parseOptions } from '../src/kit/index.ts';
import type { Middleware, PipelineOptions, Provider, SessionKey } from '../src/index.ts';
import { Conversation } from './conversation.ts';
import { parsePack } from './pack.ts';
import type { PromptPack } from './pack-types.ts';
import { packTools } from './pack-tools.ts';
import type { PackToolBinding } from './pack-tools.ts';
import { PackTurns, packWarnings, systemPrompt } from './pack-turns.ts';
import { Prompt } from './prompt.ts';
import { SharedPipeline } from './shared-pipeline.ts';

/** Options of a conversation that uses a pipeline of the caller. */
export interface PipelineConversationOptions {
  /** Runs the turns. It belongs to the caller: `close()` does not shut it down. */
  pipeline: Pipeline;
  /** Which session. Default: a new one with a random id. */
  session?: SessionKey;
}

/** Options of a conversation that uses a prompt of a pack. A pipeline is created for it. */
export interface PackConversationOptions {
  /** A pack from `loadPack()` or `parsePack()`. */
  pack: PromptPack;
  /** Key of the prompt in `pack.prompts`. */
  prompt: string;
  /** The model. It belongs to the caller, unless `pipelineOptions.own` is set. */
  provider: Provider;
  /** Which session. Default: a new one with a random id. */
  session?: SessionKey;
  /** Initial values of the prompt's variables, checked like those of `setVariable()`. */
  variables?: Readonly<Record<string, unknown>>;
  /** What runs the prompt's tools, by name. Each tool needs a function, which gets the checked input, or a whole tool made with `tool()`. */
  tools?: Readonly<Record<string, PackToolBinding>>;
  /**
   * Outermost layers, such as `logging()` and `cost()`; below them are the loop of the tools, `retry()`, `timeout()`, the system prompt and the provider.
   */
  middleware?: readonly Middleware[];
  /** Options of the pipeline that is created: `store`, `logger`, limits, `own`. */
  pipelineOptions?: PipelineOptions;
  /** If the pack asks for something that has no effect, throws an error instead of giving a warning. Default: false. */
  strict?: boolean;
}

/** How long the model may be silent in the pipeline created for a pack. */
const IDLE_MS = 60_000;

const overPipeline = z.strictObject({
  pipeline: z.custom(
    (value) => typeof value === 'object' && value !== null && 'executeStreamWithContext' in value,
    'give a Pipeline',
  ),
  session: z.unknown().optional(), // checked like every key of a session
});

const overPack = z.strictObject({
  pack: z.looseObject({}, 'give a pack from loadPack() or parsePack()'),
  prompt: z.string().min(1),
  provider: z.custom(
    (value) => typeof value === 'object' && value !== null,
    'give a provider such as openai()',
  ),
  session: z.unknown().optional(),
  variables: z.record(z.string(), z.unknown()).optional(),
  tools: z.record(z.string(), z.unknown()).optional(),
  middleware: z.array(z.unknown()).optional(),
  pipelineOptions: z.looseObject({}).optional(),
  strict: z.boolean().optional(),
});

/**
 * Opens a conversation, either with a pipeline, or with a prompt of a PromptPack and a provider.
 *
 * With a pack, it creates a pipeline in the recommended order, with the loop for the tools of the prompt if it has any. The pack's validators are
 * checked but have no effect yet: `conversation.warnings` and the warnings of every result say so; with `strict`, this is an error.
 *
 * Throws `invalid_options`.
 *
 * @example
 * await using conversation = openConversation({ pack: await loadPack('./hello.pack.json'), prompt: 'chat', provider: openai() });
 * const { response } = await conversation.send('Hello');
 */
export function openConversation(
  options: PipelineConversationOptions | PackConversationOptions,
): Conversation {
  if (typeof options === 'object' && options !== null && 'pipeline' in options) {
    if ('pack' in options)
      throw new SluiceError(
        'invalid_options',
        'openConversation(): pipeline and pack are both given: give only one of them. With a pack, pipelineOptions are the options of its pipeline.',
      );
    parseOptions('openConversation()', overPipeline, options);
    const key = keyOf(options.session);
    return new Conversation({
      shared: new SharedPipeline(options.pipeline, false),
      key,
      packTurns: undefined,
    });
  }
  if (typeof options === 'object' && options !== null && !('pack' in options)) {
    throw new SluiceError(
      'invalid_options',
      'openConversation(): neither pipeline nor pack is given: give a pipeline, or a pack with prompt and provider.',
    );
  }
  parseOptions('openConversation()', overPack, options);
  const key = keyOf(options.session);
  const pack = parsePack(options.pack);
  const packTurns = packTurnsOf(pack, options);
  const shared = new SharedPipeline(pipelineOf(pack, options), true);
  return new Conversation({ shared, key, packTurns });
}

function pipelineOf(
  pack: PromptPack,
  { middleware = [], prompt, tools, provider: model, pipelineOptions }: PackConversationOptions,
): Pipeline {
  const stack = [
    packWarnings(),
    ...middleware,
    ...packTools(pack, prompt, tools),
    retry(),
    timeout({ idleMs: IDLE_MS }),
    system(systemPrompt),
    provider(model),
  ];
  return new Pipeline(stack, pipelineOptions);
}

function packTurnsOf(pack: PromptPack, options: PackConversationOptions): PackTurns {
  const prompt = new Prompt(pack, options.prompt);
  const warnings = prompt.unused(options.provider.name);
  if (options.strict === true && warnings.length > 0)
    throw new SluiceError(
      'invalid_options',
      `openConversation(): ${warnings.join(' ')} Remove strict to open it anyway.`,
    );
  const packTurns = new PackTurns(prompt, options.provider.model, warnings);
  for (const [name, value] of Object.entries(options.variables ?? {})) packTurns.set(name, value);
  return packTurns;
}

function keyOf(key: SessionKey | undefined): { owner: string; id: string } {
  return checkSessionKey(key ?? crypto.randomUUID());
}

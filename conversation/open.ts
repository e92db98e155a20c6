import * as z from 'zod';
import { provider, retry, system, timeout } from '../middleware/index.ts';
import { Pipeline, SluiceError, checkSessionKey } from '../src/index.ts';
import { parseOptions } from '../src/kit/index.ts';
import type { Middleware, PipelineOptions, Provider, SessionKey } from '../src/index.ts';
import { Conversation } from './conversation.ts';
import { parsePack } from './pack.ts';
import type { PromptPack } from './pack-types.ts';
import { PackSpeech, packWarnings, systemPrompt } from './pack-speech.ts';
import { Prompt } from './prompt.ts';
import { SharedPipeline } from './shared-pipeline.ts';

/** A conversation over a pipeline of the caller's. */
export interface PipelineConversationOptions {
  /** Runs the turns. It stays the caller's: `close()` leaves it open. */
  pipeline: Pipeline;
  /** Which session. Default: a new one with a random id. */
  session?: SessionKey;
}

/** A conversation over a prompt of a pack; its pipeline is made for it. */
export interface PackConversationOptions {
  /** From `loadPack()` or `parsePack()`. */
  pack: PromptPack;
  /** Key of the prompt in `pack.prompts`. */
  prompt: string;
  /** The model. It stays the caller's, unless `pipelineOptions.own` is set. */
  provider: Provider;
  /** Which session. Default: a new one with a random id. */
  session?: SessionKey;
  /** Values of the prompt's variables, as of `setVariable()`. */
  variables?: Readonly<Record<string, unknown>>;
  /** Outermost layers, such as `logging()` and `cost()`; below them are `retry()`, `timeout()`, the system prompt and the provider. */
  middleware?: readonly Middleware[];
  /** Of the pipeline that is made: `store`, `logger`, limits, `own`. */
  pipelineOptions?: PipelineOptions;
  /** What the pack asks for that has no effect is an error instead of a warning. Default: false. */
  strict?: boolean;
}

/** Longest waits of the pipeline made for a pack: for the first chunk and for each further one. */
const FIRST_CHUNK_MS = 20_000;
const IDLE_MS = 20_000;

const overPipeline = z.strictObject({
  pipeline: z.custom(
    (value) => typeof value === 'object' && value !== null && 'executeStreamWithContext' in value,
    'give a Pipeline',
  ),
  session: z.unknown().optional(), // checked as any key of a session
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
  middleware: z.array(z.unknown()).optional(),
  pipelineOptions: z.looseObject({}).optional(),
  strict: z.boolean().optional(),
});

/**
 * Opens a conversation: over a pipeline, or over a prompt of a PromptPack and a provider.
 *
 * With a pack it makes the pipeline in the recommended order. The pack's tools, tool policy and validators are checked and have no effect
 * yet: `conversation.warnings` and the warnings of every result say so, or with `strict` an error.
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
        'openConversation(): pipeline and pack are both there: give one of them; a pack makes its own pipeline of pipelineOptions.',
      );
    parseOptions('openConversation()', overPipeline, options);
    const key = keyOf(options.session);
    return new Conversation({ shared: new SharedPipeline(options.pipeline, false), key, speech: undefined });
  }
  if (typeof options === 'object' && options !== null && !('pack' in options)) {
    throw new SluiceError(
      'invalid_options',
      'openConversation(): neither pipeline nor pack is there: give a pipeline, or a pack with prompt and provider.',
    );
  }
  parseOptions('openConversation()', overPack, options);
  const key = keyOf(options.session);
  const shared = new SharedPipeline(pipelineOf(options), true);
  return new Conversation({ shared, key, speech: speechOf(options) });
}

function pipelineOf({
  middleware = [],
  provider: model,
  pipelineOptions,
}: PackConversationOptions): Pipeline {
  const stack = [
    packWarnings(),
    ...middleware,
    retry(),
    timeout({ firstChunkMs: FIRST_CHUNK_MS, idleMs: IDLE_MS }),
    system(systemPrompt),
    provider(model),
  ];
  return new Pipeline(stack, pipelineOptions);
}

function speechOf(options: PackConversationOptions): PackSpeech {
  const prompt = new Prompt(parsePack(options.pack), options.prompt);
  const warnings = prompt.unused(options.provider.name);
  if (options.strict === true && warnings.length > 0)
    throw new SluiceError(
      'invalid_options',
      `openConversation(): ${warnings.join(' ')} Take strict out to go on.`,
    );
  const speech = new PackSpeech(prompt, options.provider.model, warnings);
  for (const [name, value] of Object.entries(options.variables ?? {})) speech.set(name, value);
  return speech;
}

function keyOf(key: SessionKey | undefined): { owner: string; id: string } {
  return checkSessionKey(key ?? crypto.randomUUID());
}

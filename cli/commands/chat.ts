import { Option } from 'commander';
import * as z from 'zod';

import { checkSessionKey, storeCall } from '../../src/index.ts';
import type { Parameters, StateStore } from '../../src/index.ts';
import { PRESETS, presetNames } from '../../providers/openai/shared.ts';
import type { Preset } from '../../providers/openai/shared.ts';
import { openChat } from '../chat/chat.ts';
import {
  chooseProvider,
  defaultModels,
  keyNames,
  providerNames,
  type ProviderChoice,
} from '../chat/choose-provider.ts';
import { converse } from '../chat/converse.ts';
import { localChoice } from '../chat/local-choice.ts';
import { loadProvider } from '../chat/load-provider.ts';
import { answerOnce } from '../chat/once.ts';
import { sessionStore } from '../chat/session-store.ts';
import { oneLine } from '../clean-text.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';
import type { AddCommand } from './command.ts';
import { filled, positive } from './option-values.ts';

const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

const optionsSchema = z.strictObject({
  provider: z.enum(providerNames).optional(),
  preset: z.enum(presetNames).optional(),
  model: z.string().optional(),
  baseUrl: z.string().optional(),
  api: z.enum(['chat', 'responses']).optional(),
  session: z.string().optional(),
  json: z.boolean().default(false),
  system: z.string().optional(),
  reasoning: z.enum(efforts).optional(),
  maxTokens: z.int().optional(),
  verbose: z.boolean().default(false),
});

type ChatOptions = z.output<typeof optionsSchema>;

/** `sluice chat`: a conversation in the terminal, or one answer. */
export const addChat: AddCommand = (program, terminal, done) => {
  program
    .command('chat')
    .description('Talk to a model. With a prompt or piped input, answer once.')
    .argument('[prompt...]', 'what to ask; "-" means the piped input')
    .addOption(new Option('--provider <name>', 'the provider').choices(providerNames))
    .addOption(new Option('--preset <name>', 'a service that speaks the API of OpenAI').choices(presetNames))
    .option('--model <name>', 'the model', filled)
    .option(
      '--base-url <url>',
      'another server; without --provider, a server compatible with OpenAI; the key is optional',
      filled,
    )
    .addOption(
      new Option('--api <wire>', "which of OpenAI's APIs (default: chat)").choices(['chat', 'responses']),
    )
    .option(
      '--session <name>',
      'continue the conversation with this name; it is saved on this machine',
      filled,
    )
    .option('--system <text>', 'a system message', filled)
    .addOption(new Option('--reasoning <effort>', 'how much the model thinks').choices(efforts))
    .option('--max-tokens <count>', 'maximum number of tokens in a reply', positive)
    .option('--json', 'print every chunk as a line of JSON')
    .option('--verbose', 'log to standard error')
    .version(program.version() ?? '', '-V, --version')
    .addHelpText('after', helpText())
    .action(async (words: string[], options: unknown) => {
      done(await chat(words, optionsSchema.parse(options), terminal));
    });
};

async function chat(words: readonly string[], options: ChatOptions, terminal: Terminal): Promise<number> {
  const { session = 'chat' } = options;
  checkSessionKey(session);
  const { environment } = terminal;
  const choice = await localChoice(chooseProvider(options, environment), options, environment);
  const provider = await loadProvider(choice);
  const saved = options.session === undefined ? undefined : await sessionStore(terminal.environment);
  const store = saved?.store;
  const converses = words.length === 0 && terminal.input.isTTY === true;
  const soFar = converses && store !== undefined ? await soFarOf(store, session) : undefined;
  const opened = await openChat(
    {
      provider,
      session,
      store,
      json: options.json,
      verbose: options.verbose,
      system: options.system,
      parameters: parametersOf(options),
      setting: { environment: terminal.environment, keyName: keyNameOf(choice), baseURL: choice.baseURL },
    },
    terminal,
  );
  for (const note of [choice.note, saved?.note]) if (note !== undefined) opened.tell(`note: ${note}`);
  if (converses) opened.tell(banner(choice, provider.model));
  if (soFar !== undefined) opened.tell(soFar);
  const code = await (converses ? converse(opened, terminal) : answerOnce(opened, words, terminal));
  // After a second interrupt the user does not wait for the cleanup: the process ends.
  if (code !== exitCodes.interrupted) await opened.close();
  return code;
}

/** One line about what the session already contains. */
async function soFarOf(store: StateStore, session: string): Promise<string> {
  const state = await storeCall('load', () => store.load(session, { last: 1 }));
  const name = oneLine(JSON.stringify(session), 100);
  if (state === undefined || state.messageCount === 0) return `Session ${name} is new.`;
  const unanswered = state.messages.at(-1)?.role === 'user' ? '; the last has no reply' : '';
  return `Session ${name} continues: ${state.messageCount} messages so far${unanswered}.`;
}

function parametersOf({ reasoning, maxTokens }: ChatOptions): Parameters {
  return {
    ...(reasoning !== undefined && { reasoning: { effort: reasoning } }),
    ...(maxTokens !== undefined && { maxTokens }),
  };
}

function banner({ name, preset, baseURL }: ProviderChoice, model: string): string {
  const leave = 'Ctrl-C stops a reply, /exit exits.';
  if (name === 'demo') {
    return `This is the demo model, not a real one: set ${keyNames.openai} or ${keyNames.anthropic} to use a real one. ${leave}`;
  }
  const who = preset ?? name;
  const where = baseURL === undefined ? who : `${who} at ${new URL(baseURL).origin}`;
  return `${model} by ${where}. ${leave}`;
}

function keyNameOf({ name, preset, apiKey }: ProviderChoice): string | undefined {
  if (name === 'demo' || apiKey === undefined) return undefined;
  const row: Preset | undefined = preset === undefined ? undefined : PRESETS[preset];
  return row === undefined ? keyNames[name] : row.keyVariable;
}

function helpText(): string {
  const models = providerNames.map((name) => `  ${name.padEnd(11)}${defaultModels[name]}`);
  return `
Default models:
${models.join('\n')}

Without --provider, the keys in the environment decide (${keyNames.openai}, ${keyNames.anthropic}): with one key,
its provider; with both, the one named by LLM_PROVIDER, or anthropic; without a key, a model of Ollama or LM Studio
if one of them runs on this machine (SLUICE_LOCAL_MODELS=0: do not look), else the demo.

Exit codes: 0 answered, 1 failed, 2 a wrong option or setting, 130 interrupted.`;
}

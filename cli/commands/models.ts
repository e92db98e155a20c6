import { Option } from 'commander';
import * as z from 'zod';

import { PRESETS, presetNames } from '../../providers/openai/shared.ts';
import type { Preset } from '../../providers/openai/shared.ts';
import { checkBaseUrl } from '../chat/choose-provider.ts';
import { oneLine } from '../clean-text.ts';
import { exitCodes } from '../exit-codes.ts';
import { listModels } from '../models/list-models.ts';
import type { ListedModel } from '../models/list-models.ts';
import { localServers, runningServers } from '../models/local-servers.ts';
import { outputWriter } from '../output-writer.ts';
import type { Terminal } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';
import type { AddCommand } from './command.ts';

const optionsSchema = z.strictObject({
  preset: z.enum(presetNames).optional(),
  baseUrl: z.string().optional(),
  json: z.boolean().default(false),
});

type ModelsOptions = z.output<typeof optionsSchema>;

/** `sluice models`: what an endpoint has. */
export const addModels: AddCommand = (program, terminal, done) => {
  program
    .command('models')
    .description('List the models of a service, of a server, or of the servers on this machine.')
    .addOption(new Option('--preset <name>', 'the service').choices(presetNames))
    .option('--base-url <url>', 'a server compatible with OpenAI; alone, with the key of OPENAI_API_KEY')
    .option('--json', 'print each model as a line of JSON')
    .addHelpText('after', '\nWithout options: Ollama and LM Studio on this machine, if they run.')
    .action(async (options: unknown) => {
      done(await models(optionsSchema.parse(options), terminal));
    });
};

async function models(options: ModelsOptions, terminal: Terminal): Promise<number> {
  const output = outputWriter(terminal.output);
  const all = await listed(options, terminal);
  for (const model of all.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    await output.write(`${options.json ? JSON.stringify(model) : lineOf(model)}\n`);
  }
  return exitCodes.ok;
}

async function listed({ preset, baseUrl }: ModelsOptions, terminal: Terminal): Promise<ListedModel[]> {
  const { environment } = terminal;
  if (preset === undefined && baseUrl === undefined) return localModels(terminal);
  const row: Preset | undefined = preset === undefined ? undefined : PRESETS[preset];
  const baseURL = baseUrl ?? row?.baseURL;
  if (baseURL === undefined)
    throw new UsageError(`--preset ${preset ?? ''} needs --base-url: ${row?.baseURLAdvice ?? ''}.`);
  checkBaseUrl(baseURL);
  const keyName = row === undefined ? 'OPENAI_API_KEY' : row.keyVariable;
  const apiKey = (keyName === undefined ? undefined : environment[keyName]?.trim()) || undefined;
  if (apiKey === undefined && row?.needsKey === true)
    throw new UsageError(`--preset ${preset ?? ''} needs a key: set ${keyName ?? ''}.`);
  return listModels({ baseURL, apiKey });
}

async function localModels({ environment }: Terminal): Promise<ListedModel[]> {
  const running = await runningServers(localServers(environment));
  if (running.length === 0) {
    throw new UsageError('Neither Ollama nor LM Studio runs on this machine: give --preset or --base-url.');
  }
  return running.flatMap(({ title, models: own }) => own.map((model) => ({ ...model, ownedBy: title })));
}

function lineOf({ id, ownedBy, contextTokens }: ListedModel): string {
  const notes = [
    ownedBy === undefined ? undefined : oneLine(ownedBy, 60),
    contextTokens === undefined ? undefined : `${contextTokens.toLocaleString('en-US')} tokens`,
  ].filter((note) => note !== undefined);
  return [oneLine(id, 200), ...(notes.length === 0 ? [] : [`(${notes.join(', ')})`])].join('  ');
}

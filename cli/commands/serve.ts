import { Option } from 'commander';
import * as z from 'zod';
import { keyNames, providerNames } from '../chat/choose-provider.ts';
import { presetNames } from '../../providers/openai/shared.ts';
import { isMissing } from '../chat/load-provider.ts';
import { UsageError } from '../usage-error.ts';
import type { AddCommand } from './command.ts';
import { filled } from './option-values.ts';

const optionsSchema = z.strictObject({
  port: z.string().optional(),
  host: z.string().optional(),
  config: z.string().optional(),
  provider: z.enum(providerNames).optional(),
  preset: z.enum(presetNames).optional(),
  model: z.string().optional(),
  baseUrl: z.string().optional(),
  api: z.enum(['chat', 'responses']).optional(),
  corsOrigins: z.string().optional(),
  hosts: z.string().optional(),
  redisUrl: z.string().optional(),
  databaseUrl: z.string().optional(),
  debug: z.boolean().optional(),
});

/** `sluice serve`: a server with a page, for a model or for the pipelines of a configuration. */
export const addServe: AddCommand = (program, terminal, done) => {
  program
    .command('serve')
    .description('Serve a model, or the pipelines of sluice.config.ts, over HTTP, with a page.')
    .option('--port <number>', 'the port (default: PORT, or 3000)')
    .option('--host <address>', 'the address to listen on (default: HOST, or 127.0.0.1)')
    .option('--config <path>', 'a configuration (default: sluice.config.ts, if there is one)', filled)
    .addOption(new Option('--provider <name>', 'the provider').choices(providerNames))
    .addOption(new Option('--preset <name>', 'a service that speaks the API of OpenAI').choices(presetNames))
    .option('--model <name>', 'the model', filled)
    .option('--base-url <url>', 'another server; without --provider, a server compatible with OpenAI', filled)
    .addOption(
      new Option('--api <wire>', "which of OpenAI's APIs (default: chat)").choices(['chat', 'responses']),
    )
    .option('--cors-origins <list>', 'origins of pages that may call (default: CORS_ORIGINS)')
    .option('--hosts <list>', 'host names that requests may be sent to (default: HOSTS)')
    .option('--redis-url <url>', 'keep streams in Redis (default: REDIS_URL)')
    .option('--database-url <url>', 'keep sessions in PostgreSQL (default: DATABASE_URL)')
    .option('--debug', 'log each turn, and show traces and warnings to clients (default: DEBUG)')
    .addHelpText('after', helpText())
    .action(async (options: unknown) => {
      await needServerPackages();
      // Loaded only if it is needed.
      const { serve } = await import('../serve/serve.ts');
      done(await serve(optionsSchema.parse(options), terminal, process.cwd()));
    });
};

/** The server needs optional packages. */
async function needServerPackages(): Promise<void> {
  try {
    await Promise.all([import('hono'), import('@hono/node-server')]);
  } catch (error) {
    if (!isMissing('hono', error) && !isMissing('@hono/node-server', error)) throw error;
    throw new UsageError('sluice serve needs more packages: run npm install hono @hono/node-server ws.');
  }
}

function helpText(): string {
  return `
The environment:
  PORT, HOST             where to listen
  SLUICE_TOKENS          who may call: ada=token1,bob=token2; needed to listen on anything but this machine
  CORS_ORIGINS           origins of pages that may call: https://chat.example.com,...
  HOSTS                  host names that requests may be sent to (default: any with tokens, else this machine's)
  REDIS_URL              streams, and sessions without DATABASE_URL, in Redis
  DATABASE_URL           sessions, and streams without REDIS_URL, in PostgreSQL
  LLM_PROVIDER           openai, anthropic or demo, with ${keyNames.openai} or ${keyNames.anthropic}
  DEBUG                  log each turn and the messages of errors, and show traces and warnings to clients

Tokens and keys have no flags: other users of a machine can read its command lines. The same holds for a password in a URL.

Ctrl-C lets running turns finish; a second one ends at once.`;
}

import { createServer } from '../../server/index.ts';
import type { Listening, ListenOptions, Pipelines, ServerOptions, SluiceServer } from '../../server/index.ts';
import type { LoggerLike } from '../../src/index.ts';
import { chooseProvider, keyNames } from '../chat/choose-provider.ts';
import type { ProviderWishes } from '../chat/choose-provider.ts';
import { loadProvider } from '../chat/load-provider.ts';
import { exitCodes } from '../exit-codes.ts';
import { outputWriter } from '../output-writer.ts';
import type { Terminal } from '../terminal.ts';
import { loadConfig } from './config-file.ts';
import { servePipeline } from './serve-pipeline.ts';
import { serveSettings } from './serve-settings.ts';
import { UsageError } from '../usage-error.ts';
import type { ServeWishes } from './serve-settings.ts';
import { openServices } from './services.ts';

/** What the command line says. */
export interface ServeOptions extends ServeWishes, ProviderWishes {
  config?: string | undefined;
}

/** How long `/ready` says that the server stops before it does, in milliseconds: a balancer looks every few seconds. */
const DRAIN_MS = 5_000;

/** Where `listen()` listens without a port and a host. */
const DEFAULT_PORT = 3_000;
const DEFAULT_HOST = '127.0.0.1';

/** The addresses that only this machine reaches: those for which `listen()` needs no callers' tokens. */
const OWN_HOSTS = [DEFAULT_HOST, 'localhost', '::1', '[::1]'];

/** Serves until a signal ends it. Returns the exit code. What was opened is closed in reverse order, whatever fails. */
export async function serve(options: ServeOptions, terminal: Terminal, folder: string): Promise<number> {
  const { environment } = terminal;
  const errors = outputWriter(terminal.errors);
  const tell = (text: string): void => void errors.write(`${text}\n`);
  const settings = serveSettings(options, environment);
  const config = await loadConfig(options.config, folder);
  const { tokens, origins, hosts } = settings;
  const base: ServerOptions = {
    auth: false,
    getStream: true,
    resumable: true,
    ...config?.server,
    ...(tokens !== undefined && { auth: { tokens } }),
  };
  const listenOptions: ListenOptions = {
    drainDelayMs: settings.host === undefined ? 0 : DRAIN_MS,
    ...config?.listen,
    ...(settings.port !== undefined && { port: settings.port }),
    ...(settings.host !== undefined && { host: settings.host }),
    // The listeners for signals are below. With those of listen(), one signal would close twice, which ends turns at once.
    signals: false,
  };
  checkReach(base, listenOptions);
  await using services = await openServices(settings, tell);
  const logger = settings.debug ? loggerTo(tell) : undefined;
  await using served =
    config?.pipelines === undefined
      ? await defaultPipelines(options, terminal, services.store, logger, tell)
      : { pipelines: config.pipelines, [Symbol.asyncDispose]: () => Promise.resolve() };
  const serverOptions: ServerOptions = {
    ...base,
    ...(origins !== undefined && { origins }),
    ...(hosts !== undefined && { hosts }),
    ...(settings.debug && { debug: true, logContent: true }),
    ...(services.log !== undefined && { log: services.log }),
    ...(services.counter !== undefined && { counter: services.counter }),
    ...(services.tickets !== undefined && { tickets: services.tickets }),
    logger: config?.server?.logger ?? loggerTo(tell),
  };
  await using listening = await listen(createServer(served.pipelines, serverOptions), listenOptions);
  // If it fails, `closed` says so.
  const stop = (): void => void listening.close().catch(() => undefined);
  using _interrupts = terminal.onInterrupt(stop);
  process.on('SIGTERM', stop);
  try {
    await outputWriter(terminal.output).write(`The page is at ${listening.url}\n`);
    await listening.closed;
  } finally {
    process.off('SIGTERM', stop);
  }
  return exitCodes.ok;
}

/** Throws if other machines could reach a server that anybody may call. */
function checkReach({ auth }: ServerOptions, { host = DEFAULT_HOST }: ListenOptions): void {
  if (auth === false && !OWN_HOSTS.includes(host))
    throw new UsageError(
      `Other machines reach ${host}, and anybody there may call: set SLUICE_TOKENS to a list such as ada=a-long-token, or set --host or HOST to ${DEFAULT_HOST}.`,
    );
}

/** Says what to do about an address that cannot be listened on. */
async function listen(server: SluiceServer, options: ListenOptions): Promise<Listening> {
  try {
    return await server.listen(options);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const { port = DEFAULT_PORT, host = DEFAULT_HOST } = options;
    if (code === 'EADDRINUSE')
      throw new UsageError(`Port ${port} is in use: choose another one with --port or PORT.`);
    if (code === 'EACCES')
      throw new UsageError(
        `This user may not listen on port ${port}: choose one above 1023 with --port or PORT.`,
      );
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new UsageError(
        `${host} is not an address of this machine: set --host or HOST to one, or to 0.0.0.0.`,
      );
    throw error;
  }
}

async function defaultPipelines(
  options: ProviderWishes,
  { environment }: Terminal,
  store: Parameters<typeof servePipeline>[0]['store'],
  logger: LoggerLike | undefined,
  tell: (text: string) => void,
): Promise<{ pipelines: Pipelines } & AsyncDisposable> {
  const choice = chooseProvider(options, environment);
  const provider = await loadProvider(choice);
  if (choice.note !== undefined) tell(`note: ${choice.note}`);
  if (choice.name === 'demo')
    tell(`note: this is the demo model, not a real one: set ${keyNames.openai} or ${keyNames.anthropic}.`);
  const pipeline = await servePipeline({ provider, store, logger });
  return {
    pipelines: {
      agent: { pipeline, model: provider.model, models: [provider.model], provider: provider.name },
    },
    [Symbol.asyncDispose]: () => pipeline.shutdown(),
  };
}

/** Writes each entry as one line of JSON. */
function loggerTo(tell: (text: string) => void): LoggerLike {
  const write = (level: string) => (message: unknown, fields?: unknown) =>
    tell(JSON.stringify({ level, message, ...(typeof fields === 'object' && fields !== null && fields) }));
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

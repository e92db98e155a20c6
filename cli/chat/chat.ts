import type {
  ExecutionChunk,
  ExecutionEnd,
  ExecutionOptions,
  ExecutionResult,
  Message,
  OnBusy,
  Parameters,
  Decision,
  Decisions,
  PendingCall,
  Provider,
  StateStore,
} from '../../src/index.ts';
import { decide, findSluiceError } from '../../src/index.ts';
import { onAbort } from '../../src/kit/index.ts';
import { oneLine } from '../clean-text.ts';
import { errorLine, exitCodeOf, withoutKeys, type ErrorSetting } from '../error-line.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { outputWriter } from '../output-writer.ts';
import { dimmer, type Terminal } from '../terminal.ts';
import { chatPipeline } from './chat-pipeline.ts';
import { isReplayed, jsonRenderer, textRenderer, type Renderer } from './renderer.ts';
import { replyNotes } from './reply-notes.ts';
import { usageLine } from './usage-line.ts';

/** The settings of a chat. */
export interface ChatSettings {
  provider: Provider;
  /** Id of the session. */
  session: string;
  /** Where the session is stored; closed with the chat. Default: in memory, for as long as the chat runs. */
  store?: StateStore | undefined;
  /** Prints chunks as lines of JSON instead of text. */
  json: boolean;
  /** Logs to `terminal.errors`. */
  verbose: boolean;
  system?: string | undefined;
  parameters: Parameters;
  /** For the hints in errors. */
  setting: ErrorSetting;
}

/** A conversation with a model that prints to a terminal. */
export interface Chat {
  /** Sends one message and prints the reply. If `stop` is aborted, the reply ends, and what arrived is kept. Errors are printed, not thrown. */
  ask(prompt: string, stop: AbortSignal): Promise<ExitCode>;
  /** The calls that wait for the user, if the last turn ended because of them. */
  readonly waiting: readonly PendingCall[];
  /** Goes on with them, and prints the reply like {@link ask}. */
  decide(on: Readonly<Record<string, Decision>>, stop: AbortSignal): Promise<ExitCode>;
  /** Prints one line to standard error, dimmed on a terminal. */
  tell(line: string): void;
  /** Aborted when nobody reads the answers any more. */
  readonly gone: AbortSignal;
  close(): Promise<void>;
}

/** Opens a chat. Throws `invalid_options` for settings that its middleware refuse. */
export async function openChat(settings: ChatSettings, terminal: Terminal): Promise<Chat> {
  const { provider, session, json, setting, parameters } = settings;
  const output = outputWriter(terminal.output);
  const errors = outputWriter(terminal.errors);
  const dim = dimmer(terminal.errors, terminal.environment);
  const options: ExecutionOptions = { parameters };
  /** Warnings that were printed already, so that each is printed only once. */
  const warned = new Set<string>();
  let end: ExecutionEnd | undefined;
  let waiting: readonly PendingCall[] = [];

  const pipeline = await chatPipeline({
    provider,
    system: settings.system,
    store: settings.store,
    logger: settings.verbose ? lineLogger(tell) : undefined,
    onEnd: (ended) => (end = ended),
    onRetry: ({ code, message }, delayMs) =>
      tell(`note: trying again in ${(delayMs / 1000).toFixed(1)} s, after ${code}: ${oneLine(message)}`),
  });

  function tell(line: string): void {
    void errors.write(`${dim(withoutKeys(oneLine(line, 2_000), terminal.environment))}\n`);
  }

  function renderer(): Renderer {
    if (json) return jsonRenderer(output);
    const style = terminal.output.isTTY === true ? dimmer(terminal.output, terminal.environment) : undefined;
    return textRenderer(output, { thinking: style });
  }

  /** A call and its result, one line each. */
  function showTool(chunk: ExecutionChunk): void {
    if (json || isReplayed(chunk)) return;
    if (chunk.type === 'tool_call') tell(`tool: ${chunk.name} ${JSON.stringify(chunk.arguments)}`);
    if (chunk.type === 'tool_result')
      tell(`tool: ${chunk.name} ${chunk.isError ? 'failed' : 'returned'} ${oneLine(chunk.content, 200)}`);
  }

  /** The calls that wait in the store: also those of an earlier chat. */
  async function load(): Promise<readonly PendingCall[]> {
    const state = await pipeline.store.load(session, { last: 1, open: true });
    return (state?.openTurn?.pending ?? []).filter(isForUser);
  }

  async function run(input: Message | Decisions, stop: AbortSignal): Promise<ExitCode> {
    end = undefined;
    const print = renderer();
    const stopped = AbortSignal.any([stop, output.gone]);
    const turn = (onBusy: OnBusy) =>
      play(
        pipeline.executeStreamWithContext(session, input, { ...options, onBusy }),
        print,
        stopped,
        showTool,
      );
    try {
      const result = await turn('reject').catch((error: unknown) => {
        if (findSluiceError(error)?.code !== 'session_busy') throw error;
        tell('note: another process is using this session; waiting until its reply ends.');
        return turn('queue');
      });
      print.end();
      waiting = result === undefined ? await load() : (result.pending ?? []).filter(isForUser);
      if (!json && !output.gone.aborted) report(result);
      return result === undefined ? exitCodes.interrupted : exitCodes.ok;
    } catch (error) {
      print.end();
      // What was refused has changed nothing, and what another process has decided waits no more.
      waiting = await load().catch(() => []);
      void errors.write(`${errorLine(error, setting)}\n`);
      if (!json) report(undefined);
      return exitCodeOf(error);
    }
  }

  /** Prints what the reply took, however it ended: a stopped one costs money, too. */
  function report(result: ExecutionResult | undefined): void {
    for (const note of result === undefined ? [] : replyNotes(result)) {
      if (!warned.has(note)) tell(note);
      if (note.startsWith('warning: ')) warned.add(note);
    }
    const failedFree = end?.outcome === 'failed' && end.usage.totalTokens === 0;
    if (end !== undefined && !failedFree) tell(usageLine(end, oneLine(result?.model ?? provider.model, 80)));
  }

  waiting = settings.store === undefined ? [] : await load();
  return {
    ask: (prompt, stop) => run({ role: 'user', content: prompt }, stop),
    decide: (on, stop) => run(decide(on), stop),
    get waiting() {
      return waiting;
    },
    tell,
    gone: output.gone,
    close: () => pipeline.shutdown({ signal: AbortSignal.abort() }),
  };
}

/** A call that the client runs has nobody here who could. */
function isForUser({ waitsFor }: PendingCall): boolean {
  return waitsFor !== 'client';
}

type ReplyStream = ReturnType<Awaited<ReturnType<typeof chatPipeline>>['executeStreamWithContext']>;

/** Reads a reply to its end. Returns undefined if it was stopped, after its stream is closed completely. */
async function play(
  stream: ReplyStream,
  print: Renderer,
  stop: AbortSignal,
  see: (chunk: ExecutionChunk) => void,
): Promise<ExecutionResult | undefined> {
  const stopped = Promise.withResolvers<void>();
  let closing: Promise<void> | undefined;
  if (stop.aborted) return undefined;
  const listening = onAbort(stop, () => {
    closing = stream.close('stopped by the user');
    stopped.resolve();
  });
  try {
    for await (const chunk of stream) {
      const written = print.chunk(chunk);
      see(chunk);
      // A reader that does not read must not prevent a stop.
      if (written !== undefined) await Promise.race([written, stopped.promise]);
      if (chunk.type === 'done') return chunk.result;
    }
    return undefined;
  } finally {
    listening[Symbol.dispose]();
    await (closing ?? stream.close());
  }
}

/** A logger that prints each entry as one line: the level, the message, the fields as JSON. */
function lineLogger(tell: (line: string) => void) {
  const write =
    (level: string) =>
    (message: unknown, fields?: unknown): void => {
      const rest = fields === undefined ? '' : ` ${JSON.stringify(fields)}`;
      tell(`${level} ${String(message)}${rest}`);
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

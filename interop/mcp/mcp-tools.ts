import type { Tool, ToolSource } from '../../middleware/tools.ts';
import { SluiceError } from '../../src/index.ts';
import { withDeadline } from '../../src/kit/index.ts';
import { callOf } from './call.ts';
import { Connection } from './connection.ts';
import { toolsFrom } from './definition.ts';
import type { RunServerTool } from './definition.ts';
import { mcpError } from './errors.ts';
import type { CheckedSource, McpSettings } from './options.ts';
import { listOf } from './pages.ts';
import { resultOf } from './result.ts';
import { shown } from './values.ts';

/** The longest texts that a server says of itself. */
const MAX_INSTRUCTIONS = 20_000;
const MAX_NAME = 200;

/** The tools of an MCP server, for the list of `tools()`. Close it when nobody needs it any more. */
export interface McpTools extends ToolSource, AsyncDisposable {
  /** The tools now. */
  readonly tools: readonly Tool[];
  /** Why tools were left out, in words for a person. They are warnings of each execution, too. */
  readonly warnings: readonly string[];
  /** What the server calls itself. */
  readonly server: { readonly name: string; readonly version: string } | undefined;
  /** How the server wants its tools to be used, in its own words. They are given to no model: a stranger wrote them. */
  readonly instructions: string | undefined;
  /** Reads the list of tools again if the server has said that it changed. Undefined: it has not. */
  refresh(signal?: AbortSignal): Promise<void> | undefined;
  /** Ends the connection, and the process if it is one of ours. Calls that run fail. */
  close(): Promise<void>;
}

/** The tools of one server. */
export class ServerTools implements McpTools {
  readonly #settings: McpSettings;
  readonly #connection: Connection;
  #tools: readonly Tool[] = [];
  #warnings: readonly string[] = [];
  /** How often the list has changed as far as is known, and which of these lists is the one here. */
  #changes = 0;
  #seen = -1;
  #reading: Promise<void> | undefined;
  #server: McpTools['server'];
  #instructions: string | undefined;
  readonly #closing = new AbortController();

  constructor(source: CheckedSource, settings: McpSettings) {
    this.#settings = settings;
    this.#connection = new Connection(source, settings, () => this.#changes++);
  }

  get tools(): readonly Tool[] {
    return this.#tools;
  }

  get warnings(): readonly string[] {
    return this.#warnings;
  }

  get server(): McpTools['server'] {
    return this.#server;
  }

  get instructions(): string | undefined {
    return this.#instructions;
  }

  /** Connects, and reads the list. Throws what went wrong, after everything is closed. */
  async start(): Promise<this> {
    await this.#connection.connect();
    try {
      this.#introduce();
      await this.refresh();
      return this;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  refresh(signal?: AbortSignal): Promise<void> | undefined {
    if (this.#seen === this.#changes || this.#closing.signal.aborted) return undefined;
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return withDeadline(this.#reading, this.#settings.connectTimeoutMs, { signal });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What the server says of itself at the start. */
  #introduce(): void {
    const { client } = this.#connection;
    const { name, version } = client.getServerVersion() ?? {};
    if (name !== undefined && version !== undefined)
      this.#server = { name: shown(name, MAX_NAME), version: shown(version, MAX_NAME) };
    const text = client.getInstructions();
    if (text !== undefined) this.#instructions = shown(text, MAX_INSTRUCTIONS);
  }

  async #read(): Promise<void> {
    const change = this.#changes;
    const { maxTools, connectTimeoutMs: timeoutMs } = this.#settings;
    const deadline = new AbortController();
    try {
      const reading = this.#connection.request(
        (client) =>
          listOf(client, {
            maxTools,
            timeoutMs,
            signal: AbortSignal.any([deadline.signal, this.#closing.signal]),
          }),
        { repeats: true },
      );
      const listed = await withDeadline(reading, timeoutMs, { error: () => tooLate(timeoutMs) });
      const made = toolsFrom(listed.tools, this.#settings, this.#run);
      this.#warnings = [...listed.warnings, ...made.warnings].map((warning) => `mcpTools(): ${warning}.`);
      this.#tools = unchanged(this.#tools, made.tools);
      this.#seen = change;
    } catch (error) {
      deadline.abort();
      const failure = mcpError('mcpTools(): the list of tools could not be read', error);
      // A server that does not answer would hold up each round.
      if (failure.code === 'timeout') this.#seen = change;
      throw failure;
    }
  }

  readonly #run: RunServerTool = async (called, input, run) => {
    const given = await callOf(this.#connection, called, input, run, this.#settings);
    const { maxErrorCharacters, maxFileBytes } = this.#settings;
    return resultOf(given, called.checkOutput, {
      maxErrorCharacters,
      maxFileCharacters: Math.ceil(maxFileBytes / 3) * 4,
    });
  };
}

function tooLate(ms: number): SluiceError {
  return new SluiceError(
    'timeout',
    `mcpTools(): the server did not give its list of tools within ${ms} ms.`,
    {
      phase: 'total',
      retryable: false,
    },
  );
}

/** The list as it was, if none of its tools has changed. */
function unchanged(before: readonly Tool[], now: readonly Tool[]): readonly Tool[] {
  const isSame =
    before.length === now.length &&
    before.every(({ fingerprint }, at) => fingerprint === now[at]?.fingerprint);
  return isSame ? before : now;
}

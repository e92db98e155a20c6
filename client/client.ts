import { CodedError } from '../src/index.ts';
import type { ExecutionResult } from '../src/index.ts';
import { Conversations } from './conversations.ts';
import type { ClientInput, ClientOptions, OwnedOptions, TurnOptions } from './options.ts';
import { checkOptions } from './check-options.ts';
import { fetchTransport, jsonOf, request, segment, streamPath } from './requests.ts';
import type { Requests } from './requests.ts';
import { ClientStream } from './stream.ts';

/** What a server says about itself. */
export interface ServerMetadata {
  name: string;
  description?: string;
  model?: string;
  capabilities?: unknown;
  endpoints?: unknown;
  pipelines?: readonly { name: string; models?: readonly string[] }[];
}

/**
 * The client of a server. `Pipelines` has the names of the server's pipelines as its keys: the type of what `createServer()` was given.
 */
export class Client<Pipelines = Record<string, unknown>> {
  /** The conversations that the server keeps for this caller. */
  readonly conversations: Conversations<keyof Pipelines & string>;
  readonly #requests: Requests;
  readonly #options: ClientOptions;

  /** Use {@link createClient}. */
  constructor(options: ClientOptions = {}) {
    this.#options = options;
    this.#requests = checkOptions(options);
    this.conversations = new Conversations({
      request: (path, init) => request(this.#requests, path, init),
      open: (path, body, stream) => this.#open(path, body, stream),
    });
  }

  /**
   * Starts a turn, at the first read of the stream.
   *
   * @example
   * for await (const text of client.stream('Why is the sky blue?').textStream()) show(text);
   */
  stream(input: ClientInput, options: TurnOptions<keyof Pipelines & string> = {}): ClientStream {
    return this.#open('agent/stream', { input: checked(input), ...bodyOf(options) }, options);
  }

  /** Runs a turn and resolves to its result. It is the stream of the turn, read to its end, and so comes back after a lost connection, too. */
  async run(
    input: ClientInput,
    options: TurnOptions<keyof Pipelines & string> = {},
  ): Promise<ExecutionResult> {
    const stream = this.stream(input, options);
    await stream.text();
    return stream.result;
  }

  /** Reads the stream of a turn again: from its first chunk, or behind the event `after`, which is the `cursor` of a stream. The server must keep streams. */
  resume(
    id: string,
    { after, ...options }: Omit<OwnedOptions, 'id'> & { after?: string } = {},
  ): ClientStream {
    return this.#open(undefined, undefined, { ...options, id }, { after });
  }

  /** Reads the running turn of a conversation from its first chunk. Rejects with `not_found` if none runs. */
  join(conversation: string, options: Omit<OwnedOptions, 'id'> = {}): ClientStream {
    return this.#open(undefined, undefined, options, { conversation });
  }

  /** Ends a turn, whichever process runs it. `stopped`: the end is stored. `pending`: it will end. */
  stop(
    id: string,
    reason?: string,
    { organization }: Pick<OwnedOptions, 'organization'> = {},
  ): Promise<'stopped' | 'pending'> {
    return this.#stop(streamPath(id), reason, organization);
  }

  /** What the server says about itself. */
  async metadata(): Promise<ServerMetadata> {
    return jsonOf(await request(this.#requests, 'agent/metadata'), 'name');
  }

  #open(
    path: string | undefined,
    body: Readonly<Record<string, unknown>> | undefined,
    { signal, onConnection, organization, id = newId() }: OwnedOptions,
    { conversation, after }: { conversation?: string; after?: string | undefined } = {},
  ): ClientStream {
    const { reconnect, transport = fetchTransport } = this.#options;
    const joined = conversation === undefined ? undefined : `conversations/${segment(conversation)}`;
    return new ClientStream({
      id: joined === undefined ? id : undefined,
      transport: transport(this.#requests),
      opening: {
        path,
        body: body && { ...body, turn_id: id },
        join: `${joined}/stream`,
        after,
        organization,
      },
      reconnect: { attempts: 8, initialMs: 250, maxMs: 10_000, ...reconnect },
      signal,
      onConnection,
      stop: (seen, reason) =>
        this.#stop(seen === undefined ? joined : streamPath(seen), reason, organization),
    });
  }

  async #stop(path?: string, reason?: string, organization?: string): Promise<'stopped' | 'pending'> {
    const response = await request(this.#requests, `${path}/stop`, {
      body: { reason, org_id: organization },
    });
    return (await jsonOf<{ status: 'stopped' | 'pending' }>(response, 'status')).status;
  }
}

/**
 * The client of a Sluice server, for browsers, React Native, Node, Deno and Bun. Throws `invalid_options`.
 *
 * @example
 * const client = createClient({ url: 'https://chat.example.com', token: () => session.token() });
 * const { response } = await client.run('Why is the sky blue?');
 */
export function createClient<Pipelines = Record<string, unknown>>(
  options: ClientOptions = {},
): Client<Pipelines> {
  return new Client(options);
}

/** Refuses at once what would only be left out of the JSON. */
function checked(input: ClientInput): ClientInput {
  if (typeof input === 'string' || (typeof input === 'object' && input !== null)) return input;
  throw new CodedError('invalid_options', 'Give a text, a message or messages as input.');
}

function bodyOf(options: TurnOptions): Record<string, unknown> {
  return {
    pipeline: options.pipeline,
    model: options.model,
    conversation_id: options.conversation,
    org_id: options.organization,
    context: options.context,
    max_iterations: options.maxIterations,
  };
}

/** An id that nobody else has made. `crypto.randomUUID` is missing in pages without TLS and in React Native. */
function newId(): string {
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now()}${Math.random()}`.replace('.', '-');
}

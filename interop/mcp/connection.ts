import type { Client, ClientOptions, McpSubscription, Transport } from '@modelcontextprotocol/client';
import { SluiceError } from '../../src/index.ts';
import { loadPeer, withDeadline } from '../../src/kit/index.ts';
import type { ChildTransport } from './child.ts';
import { isLostSession, mcpError } from './errors.ts';
import { httpTransport } from './http.ts';
import type { CheckedSource, ChildSettings, McpSettings } from './options.ts';

const PEER = { neededBy: 'mcpTools()', name: '@modelcontextprotocol/client', range: '^2.4.0' } as const;

type ClientModule = typeof import('@modelcontextprotocol/client');

/** A client that is connected. */
interface Link {
  readonly client: Client;
  /** Undefined: it is the caller's. */
  readonly transport: Transport | undefined;
  /** How many requests wait for their answers. */
  open: number;
}

/** Sends a request by a client. */
export type Send<T> = (client: Client) => Promise<T>;

/** The connection to a server. A session that the server has lost is begun again, once for each request; a process is never started again. */
export class Connection {
  readonly #source: CheckedSource;
  readonly #settings: McpSettings;
  readonly #listChanged: () => void;
  #link: Link | undefined;
  #child: ChildTransport | undefined;
  #renewal: Promise<void> | undefined;
  #subscription: McpSubscription | undefined;
  #isClosed = false;

  /** `listChanged` is called when the list of tools may be another one. */
  constructor(source: CheckedSource, settings: McpSettings, listChanged: () => void) {
    this.#source = source;
    this.#settings = settings;
    this.#listChanged = listChanged;
  }

  /** The client that is connected now. Throws `network` if none is. */
  get client(): Client {
    const client = this.#link?.client;
    if (client?.transport !== undefined) return client;
    const why = this.#isClosed ? 'it was closed' : (this.#child?.end ?? 'the connection has ended');
    throw new SluiceError('network', `The server is gone: ${why}.`, { retryable: false });
  }

  /** Connects. Throws what went wrong, after everything that was opened is closed. */
  async connect(): Promise<void> {
    if ('client' in this.#source) {
      const { client } = this.#source;
      client.setNotificationHandler('notifications/tools/list_changed', this.#listChanged);
      this.#link = { client, transport: undefined, open: 0 };
      this.#subscription = await listening(client);
      return;
    }
    const parts = await loadPeer(PEER, () => import('@modelcontextprotocol/client'));
    const transport = await this.#transport(parts);
    this.#link = await this.#connected(parts, transport);
  }

  /**
   * Sends a request. If the server has lost the session, it is begun again; then the request is sent once more if `repeats`.
   */
  async request<T>(send: Send<T>, { repeats }: { repeats: boolean }): Promise<T> {
    await this.#renewal?.catch(() => undefined);
    const link = this.#link;
    try {
      return await this.#send(send);
    } catch (error) {
      if (link === undefined || !this.#canBeginAgain || !isLostSession(error)) throw error;
      await this.#renewed(link);
      if (repeats) return this.#send(send);
      throw new SluiceError(
        'tool',
        'The server had lost the session, which has begun again. The call was not sent a second time.',
        { cause: error, retryable: false },
      );
    }
  }

  get #canBeginAgain(): boolean {
    return 'endpoint' in this.#source && !this.#isClosed;
  }

  async #send<T>(send: Send<T>): Promise<T> {
    const { client } = this;
    const link = this.#link;
    if (link === undefined) return send(client);
    link.open++;
    try {
      return await send(client);
    } finally {
      link.open--;
      this.#closeIfLeft(link);
    }
  }

  /** Closes a lost session when nothing waits for it any more. */
  #closeIfLeft(link: Link): void {
    if (link !== this.#link && link.open === 0) void link.client.close();
  }

  /** Ends the session and the process, if they are ours. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#renewal?.catch(() => undefined);
    const link = this.#link;
    if (link === undefined) return;
    if (link.transport === undefined) {
      await this.#subscription?.close();
      if (this.#settings.own) await link.client.close();
      else link.client.removeNotificationHandler('notifications/tools/list_changed');
      return;
    }
    await this.#end(link);
  }

  async #end({ client, transport }: Link): Promise<void> {
    if (
      transport !== undefined &&
      'terminateSession' in transport &&
      typeof transport.terminateSession === 'function'
    ) {
      const ended = Promise.resolve(Reflect.apply(transport.terminateSession, transport, []));
      await withDeadline(ended, this.#settings.closeTimeoutMs).catch(() => undefined);
    }
    await client.close();
  }

  /** One renewal for all requests that were refused. */
  async #renewed(lost: Link): Promise<void> {
    if (this.#link !== lost) return;
    this.#renewal ??= this.#renew(lost).finally(() => (this.#renewal = undefined));
    await this.#renewal;
  }

  async #renew(lost: Link): Promise<void> {
    const parts = await loadPeer(PEER, () => import('@modelcontextprotocol/client'));
    const link = await this.#connected(parts, await this.#transport(parts));
    this.#link = link;
    this.#closeIfLeft(lost);
    this.#listChanged();
  }

  async #connected(parts: ClientModule, transport: Transport): Promise<Link> {
    const client = new parts.Client(this.#settings.clientInfo, this.#clientOptions());
    this.#answers(client);
    const { connectTimeoutMs } = this.#settings;
    try {
      const connecting = client.connect(transport, { timeout: connectTimeoutMs });
      await withDeadline(connecting, connectTimeoutMs, { error: () => tooLate(connectTimeoutMs) });
    } catch (error) {
      await transport.close();
      throw this.#startError(error);
    }
    return { client, transport, open: 0 };
  }

  #startError(error: unknown): SluiceError {
    const { end, lastWords } = this.#child ?? {};
    const failed = mcpError('mcpTools(): connecting to the server failed', error);
    // A process that did not answer in time was ended because of that.
    if (end === undefined || failed.code === 'timeout') return failed;
    const said = lastWords === undefined || lastWords === '' ? '' : ` It said: ${lastWords}`;
    return new SluiceError('network', `mcpTools(): the server did not start: ${end}.${said}`, {
      cause: error,
      retryable: false,
    });
  }

  async #transport(parts: ClientModule): Promise<Transport> {
    if ('endpoint' in this.#source) return httpTransport(this.#source.endpoint, parts);
    if ('client' in this.#source) throw new TypeError('A client of somebody else has its own transport.');
    return this.#childTransport(this.#source.command, parts);
  }

  async #childTransport(settings: ChildSettings, parts: ClientModule): Promise<Transport> {
    const { getDefaultEnvironment, StdioClientTransport } =
      await import('@modelcontextprotocol/client/stdio');
    const { maxMessageBytes: maxBufferSize } = this.#settings;
    if (process.platform === 'win32') {
      // There are no groups of processes, and commands such as npx are scripts.
      const { stderr = 'ignore', command, args, env, cwd } = settings;
      return new StdioClientTransport({
        command,
        stderr,
        maxBufferSize,
        ...(args && { args }),
        ...(env && { env }),
        ...(cwd !== undefined && { cwd }),
      });
    }
    const { ChildTransport } = await import('./child.ts');
    this.#child = new ChildTransport(settings, {
      messages: new parts.ReadBuffer({ maxBufferSize }),
      serialize: parts.serializeMessage,
      environment: getDefaultEnvironment(),
    });
    return this.#child;
  }

  #clientOptions(): ClientOptions {
    const { onElicitation, roots, protocol } = this.#settings;
    const mode = protocol ?? ('command' in this.#source ? 'legacy' : 'auto');
    return {
      capabilities: {
        ...(onElicitation !== undefined && { elicitation: { form: {}, url: {} } }),
        ...(roots !== undefined && { roots: {} }),
      },
      versionNegotiation: { mode: mode === 'auto' || mode === 'legacy' ? mode : { pin: mode } },
      listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: () => this.#listChanged() } },
    };
  }

  /** Answers what the server asks. What is not answered here it may not ask. */
  #answers(client: Client): void {
    const { onElicitation, roots } = this.#settings;
    if (onElicitation !== undefined)
      client.setRequestHandler('elicitation/create', async ({ params }, { mcpReq: { signal } }) => {
        try {
          return await onElicitation(params, { signal });
        } catch {
          // What a function of the caller throws is not for a stranger.
          throw new Error('Nobody could be asked.');
        }
      });
    if (roots !== undefined)
      client.setRequestHandler('roots/list', () => ({ roots: roots.map((root) => ({ ...root })) }));
  }
}

/** Since 2026-07-28 a client has to say that it wants to be told of changes. Undefined: it need not, or the server does not tell. */
async function listening(client: Client): Promise<McpSubscription | undefined> {
  const tells = client.getServerCapabilities()?.tools?.listChanged === true;
  if (!tells || client.getProtocolEra() !== 'modern') return undefined;
  return client.listen({ toolsListChanged: true }).catch(() => undefined);
}

function tooLate(ms: number): SluiceError {
  return new SluiceError('timeout', `mcpTools(): the server did not answer within ${ms} ms.`, {
    phase: 'total',
    retryable: false,
  });
}

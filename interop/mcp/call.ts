import type { CallToolResult, Client, Progress } from '@modelcontextprotocol/client';
import * as z from 'zod';
import { UnknownOutcome } from '../../middleware/tools.ts';
import type { ToolRun } from '../../middleware/tools.ts';
import { SluiceError } from '../../src/index.ts';
import { Timer, abortReason, onAbort } from '../../src/kit/index.ts';
import { isGone, mcpError } from './errors.ts';
import type { Connection } from './connection.ts';
import { isRecord, shown } from './values.ts';

/** What is called. */
export interface Called {
  /** The server's own name of the tool. */
  readonly name: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly idempotent: boolean;
}

/** How long a call may take. */
export interface CallLimits {
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
}

/** The longest that a timer of the official client waits. The timers here are the ones that count. */
const NO_TIMEOUT_MS = 2_147_483_647;
/** Progress is passed on no more often than this, in milliseconds. */
const PROGRESS_INTERVAL_MS = 100;
const MAX_MESSAGE_CHARACTERS = 500;

const anything = z.looseObject({});

/**
 * Calls a tool of a server. Progress renews the idle time, but not the total time. When the run is aborted or a time is over, the server is told that the call is cancelled.
 *
 * Throws `UnknownOutcome` if the call may have taken effect, and else what went wrong.
 */
export async function callOf(
  connection: Connection,
  called: Called,
  input: Record<string, unknown>,
  run: ToolRun,
  limits: CallLimits,
): Promise<unknown> {
  const { idleTimeoutMs, totalTimeoutMs } = limits;
  const controller = new AbortController();
  let over: string | undefined;
  const end = (why: string): void => {
    over = why;
    controller.abort(new SluiceError('timeout', why, { phase: 'total' }));
  };
  using idle = new Timer(() =>
    end(`The server said nothing for ${idleTimeoutMs} ms, and the call was cancelled.`),
  );
  using total = new Timer(() => end(`The call took longer than ${totalTimeoutMs} ms, and was cancelled.`));
  if (run.signal.aborted) throw abortReason(run.signal);
  using _listening = onAbort(run.signal, (reason) => controller.abort(reason));
  const progress = throttled((data) => run.progress(data));
  idle.start(idleTimeoutMs);
  total.start(totalTimeoutMs);
  const options = {
    signal: controller.signal,
    timeout: NO_TIMEOUT_MS,
    onprogress: (told: Progress) => {
      idle.start(idleTimeoutMs);
      progress(told);
    },
  };
  try {
    return await connection.request((client) => send(client, called, input, options), {
      repeats: called.idempotent,
    });
  } catch (error) {
    if (over !== undefined) throw new UnknownOutcome(over, { cause: error });
    if (isGone(error) || isGoneBy(error) || wasSent(error))
      throw new UnknownOutcome('The connection to the server ended before its answer came.', {
        cause: error,
      });
    throw mcpError('The server refused the call', error);
  }
}

type Options = Parameters<Client['callTool']>[1];

async function send(
  client: Client,
  { name, inputSchema }: Called,
  input: Record<string, unknown>,
  options: Options,
): Promise<unknown> {
  const params = { name, arguments: input };
  // Some values of the input also go into headers: the official client knows how.
  if (client.getProtocolEra() === 'modern' && JSON.stringify(inputSchema).includes('"x-mcp-header"')) {
    const definition = { name, inputSchema: { ...inputSchema, type: 'object' as const } };
    return client.callTool(params, {
      ...options,
      toolDefinition: definition,
    }) satisfies Promise<CallToolResult>;
  }
  return client.request({ method: 'tools/call', params }, anything, options);
}

/** Whether the answer to a request over HTTP did not come. */
function isGoneBy(error: unknown): boolean {
  return isRecord(error) && isRecord(error['data']) && error['data']['gone'] === true;
}

/** Errors of a connection that was never made. */
const NEVER_SENT: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Whether a request of `fetch` failed after it may have been sent. */
function wasSent(error: unknown): boolean {
  if (!(error instanceof TypeError)) return false;
  const { cause } = error;
  return !(isRecord(cause) && NEVER_SENT.has(cause['code']));
}

/** A server may tell its progress as often as it likes. */
function throttled(tell: (data: unknown) => void): (told: Progress) => void {
  let next = Number.NEGATIVE_INFINITY;
  return ({ progress, total, message }) => {
    const now = performance.now();
    if (now < next) return;
    next = now + PROGRESS_INTERVAL_MS;
    tell({
      progress,
      ...(total !== undefined && { total }),
      ...(message !== undefined && { message: shown(message, MAX_MESSAGE_CHARACTERS) }),
    });
  };
}

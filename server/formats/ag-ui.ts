import type { PendingCall, Usage } from '../../src/index.ts';
import type { SentChunk, SentEnd, SentStart } from '../stream/parts.ts';
import { AgUiEvents } from './ag-ui-events.ts';
import type { AgUiJson } from './ag-ui-messages.ts';
import { endingOf, pendingFor } from './ending.ts';
import type { AgUiRun, Encoder, EncoderOptions, Format, Frame } from './format.ts';
import { plainErrorBody } from './plain-error.ts';

/** The version of the protocol that the events have. */
const AG_UI_VERSION = '1.0';

/**
 * AG-UI 1.0 over server-sent events. A reset is shown: what is open ends, and a snapshot has all messages without what is void.
 *
 * The protocol cannot resume a stream. A client that comes back joins: `run.joinAt` says up to where it is told a snapshot.
 * Source: https://docs.ag-ui.com/concepts/events, and the verifier of `@ag-ui/client` 1.0
 */
export const agUiFormat: Format = {
  name: 'ag-ui',
  showsResets: () => true,
  encoder: (options) => new AgUiEncoder(options),
  heartbeat: ': heartbeat\n\n',
  headers: {},
  error: plainErrorBody,
};

class AgUiEncoder implements Encoder {
  readonly #run: AgUiRun | undefined;
  readonly #options: EncoderOptions;
  readonly #joinAt: number;
  #turnId = '';
  #events = new AgUiEvents('', []);
  /** Whether the client has been told that the run goes on. */
  #hasJoined = false;

  constructor(options: EncoderOptions) {
    this.#options = options;
    this.#run = options.run;
    this.#joinAt = options.run?.joinAt ?? 0;
  }

  start({ turnId }: SentStart): Frame[] {
    this.#turnId = turnId;
    this.#events = new AgUiEvents(turnId, this.#run?.messages ?? []);
    if (this.#joinAt > 0) return [];
    this.#hasJoined = true;
    return framed([this.#started()]);
  }

  chunk(chunk: SentChunk, position: number): Frame[] {
    const out: AgUiJson[] = [];
    if (position > this.#joinAt) this.#join(out);
    const events: AgUiJson[] = [];
    this.#take(chunk, position, events);
    if (this.#hasJoined) out.push(...events);
    else if (position === this.#joinAt) this.#join(out);
    return framed(out);
  }

  end(end: SentEnd, position: number): Frame[] {
    const out: AgUiJson[] = [];
    this.#join(out);
    this.#events.closeAll(out);
    const ending = endingOf(end);
    const usage = end.usage === undefined ? {} : { usage: [tokensOf(end.usage, end)] };
    if (ending === 'failed') {
      const { code = 'server', message = 'The request failed.' } = end.error ?? {};
      return framed([...out, { type: 'RUN_ERROR', message, code, ...usage }]);
    }
    const outcome = this.#outcome(end, position, out);
    return framed([...out, { type: 'RUN_FINISHED', ...this.#ids(), outcome, ...usage }]);
  }

  #take(chunk: SentChunk, position: number, out: AgUiJson[]): void {
    // The client has what an earlier run of the turn has said.
    const isKnown = chunk.replayed === true && this.#run?.continues === true;
    switch (chunk.type) {
      case 'content':
        if (!isKnown) this.#events.content(chunk, position, out);
        return;
      case 'thinking':
        if (!isKnown && this.#options.thinking !== false) this.#events.thinking(chunk, position, out);
        return;
      case 'tool_call_delta':
        if (!isKnown) this.#events.delta(chunk, position, out);
        return;
      case 'tool_call':
        this.#events.call(chunk, position, out);
        return;
      case 'tool_result':
        if (!isKnown || !this.#events.messages.hadResult(chunk.id)) this.#events.result(chunk, position, out);
        return;
      case 'tool_progress':
        this.#events.progress(chunk, out);
        return;
      case 'file':
        if (!isKnown) this.#events.file(chunk, position, out);
        return;
      case 'reset':
        this.#events.reset(chunk, out);
    }
  }

  #join(out: AgUiJson[]): void {
    if (this.#hasJoined) return;
    this.#hasJoined = true;
    out.push(this.#started());
    this.#events.caughtUp(out);
  }

  #started(): AgUiJson {
    return { type: 'RUN_STARTED', ...this.#ids(), protocolVersion: AG_UI_VERSION };
  }

  #ids(): AgUiJson {
    const { threadId = this.#turnId, runId = this.#turnId } = this.#run ?? {};
    return { threadId, runId };
  }

  #outcome(end: SentEnd, position: number, out: AgUiJson[]): AgUiJson {
    const waiting = [...pendingFor(end, 'approval'), ...pendingFor(end, 'unknown')];
    switch (endingOf(end)) {
      case 'approval':
        // A call inside an agent has not been shown.
        waiting.forEach(({ callId, name, arguments: args }) => {
          const call = { type: 'tool_call', id: callId, name, arguments: args, call: 0 } as const;
          this.#events.call(call, position, out);
        });
        return { type: 'interrupt', interrupts: waiting.map(interruptOf) };
      case 'completed':
      case 'calls': {
        const pending = this.#unanswered(end, position, out);
        return { type: 'success', ...(pending.length > 0 && { pendingToolCallIds: pending }) };
      }
      default:
        return { type: 'cancelled' };
    }
  }

  /** The calls that the client answers. A client takes every call without a result for its own, so those that are not get an empty one. */
  #unanswered(end: SentEnd, position: number, out: AgUiJson[]): string[] {
    const pending = new Set(pendingFor(end, 'client').map(({ callId }) => callId));
    const open = this.#events.messages.calls().filter(({ isAnswered }) => !isAnswered);
    const isClients = ({ id, name, isProviders }: (typeof open)[number]): boolean =>
      pending.has(id) || (!isProviders && this.#options.clientTools?.has(name) === true);
    open.forEach((call, at) => {
      if (isClients(call)) return;
      const messageId = `${this.#turnId}:${position}:${at}`;
      out.push({ type: 'TOOL_CALL_RESULT', messageId, toolCallId: call.id, content: '', role: 'tool' });
    });
    return open.filter(isClients).map(({ id }) => id);
  }
}

function framed(events: readonly AgUiJson[]): Frame[] {
  return events.map((event) => ({ data: JSON.stringify(event) }));
}

/** What the answer to an interrupt may hold. */
const ANSWER = {
  type: 'object',
  properties: {
    approved: { type: 'boolean' },
    arguments: { type: 'object' },
    reason: { type: 'string' },
  },
  required: ['approved'],
};

function interruptOf({ callId, waitsFor, reason, expiresAt, metadata }: PendingCall): AgUiJson {
  return {
    id: callId,
    reason: waitsFor === 'approval' ? 'tool_approval' : 'unknown_outcome',
    ...(reason !== undefined && { message: reason }),
    toolCallId: callId,
    responseSchema: ANSWER,
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
    ...(metadata !== undefined && { metadata: { sluice: metadata } }),
  };
}

/** Totals that include cache and reasoning, as the protocol has them. */
function tokensOf(usage: Usage, { provider, model }: SentEnd): AgUiJson {
  return {
    ...(provider !== undefined && { provider }),
    ...(model !== undefined && { model }),
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    totalTokens: usage.totalTokens,
    reasoningTokens: usage.reasoningTokens,
    cachedInputTokens: usage.cachedInputTokens,
    cacheWriteInputTokens: usage.cacheWriteTokens,
  };
}

import { EventSourceParserStream } from 'eventsource-parser/stream';
import { parseLine, textAt } from '../../support/json.ts';
import { startCli } from '../run-cli.ts';
import type { RunningCli, RunOptions } from '../run-cli.ts';

/** A `sluice serve` that listens. */
export interface Serving extends AsyncDisposable {
  readonly url: string;
  readonly cli: RunningCli;
}

/** Starts `sluice serve` on a free port, in a process of its own, and waits until it listens. */
export async function serving(args: readonly string[] = [], options: RunOptions = {}): Promise<Serving> {
  const cli = startCli(['serve', ...args], {
    ...options,
    environment: { PORT: '0', ...options.environment },
  });
  await cli.sees(/The page is at \S+\n/);
  const url = /The page is at (\S+)/.exec(cli.stdout)?.[1] ?? '';
  return { url, cli, [Symbol.asyncDispose]: () => cli[Symbol.asyncDispose]() };
}

/** Asks for a turn as events. */
export function turn(url: string, input: string, more: Record<string, unknown> = {}, init: RequestInit = {}) {
  return fetch(`${url}/api/v1/agent/stream`, {
    ...init,
    method: 'POST',
    headers: [...new Headers(init.headers), ['content-type', 'application/json']],
    body: JSON.stringify({ input, ...more }),
  });
}

/** One event of the agent routes. */
export interface AgentEvent {
  id: string | undefined;
  type: string | undefined;
  data: Readonly<Record<string, unknown>>;
}

/** Reads the events of a response one after the other, as they come. */
export async function* eventsOneByOne(response: Response): AsyncGenerator<AgentEvent> {
  const parsed = response.body
    ?.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  if (parsed === undefined) return;
  for await (const { id, event, data } of parsed) yield { id, type: event, data: recordOf(data) };
}

/** Reads all events of a response. */
export function allEvents(response: Response): Promise<AgentEvent[]> {
  return restOf(eventsOneByOne(response));
}

/** Reads what is left of a stream of events. */
export async function restOf(events: AsyncIterable<AgentEvent>): Promise<AgentEvent[]> {
  const all: AgentEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** The text of a reply. */
export function textOf(events: readonly AgentEvent[]): string {
  return events.map(({ type, data }) => (type === 'content' ? textAt(data, 'content') : '')).join('');
}

function recordOf(text: string): Record<string, unknown> {
  const value = parseLine(text);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

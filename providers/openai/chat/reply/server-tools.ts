import type { StreamChunk, ToolCallChunk, ToolResultChunk } from '../../../../src/index.ts';
import {
  streamError,
  checkedArguments,
  isRecord,
  jsonText,
  readArguments,
  text,
} from '../../../wire/index.ts';
import { ownOptionsOf } from '../../shared/reply-context.ts';
import type { OpenAIReplyContext } from '../../shared/reply-context.ts';

type Fields = Record<string, unknown>;

/** Matches the ids of calls that the server runs: Anthropic's server tools through a gateway, and xAI's own tools. */
const SERVER_ID = /^(?:srvtoolu_|xs_call_)/;

/** Fields of a Perplexity step that are its input. All others are its result. */
const STEP_INPUT: ReadonlySet<string> = new Set([
  'search_keywords',
  'code',
  'attachment_urls',
  'tool',
  'action',
]);

/** One tool that the server ran, with its fields so far. */
interface Run {
  id: string;
  fields: Map<string, unknown>;
  isDelivered: boolean;
}

/**
 * The calls that the server made itself: Groq's `executed_tools`, Perplexity's `reasoning_steps`, messages of role `tool`
 * in a reply, and calls of tools that the request does not offer.
 */
export class ServerTools {
  /** The search results of the tools, as citations. */
  readonly sources: unknown[] = [];
  readonly #context: OpenAIReplyContext;
  readonly #runs = new Map<string, Run>();
  readonly #steps = new Set<string>();
  /** The content of messages of role `tool`, by the id of the call. */
  readonly #results = new Map<string, string>();
  #resultId = '';
  #made = 0;
  #characters = 0;

  constructor(context: OpenAIReplyContext) {
    this.#context = context;
  }

  /** Groq sends a tool when it starts, and again with its result, under the same index. */
  addExecuted(list: readonly unknown[], out: StreamChunk[]): void {
    for (const item of list) {
      if (!isRecord(item)) continue;
      const { index, ...fields } = item;
      const key = typeof index === 'number' ? `${index}` : jsonText([fields['type'], fields['arguments']]);
      if (key === undefined) continue;
      const run = this.#run(key);
      if (run.isDelivered) continue;
      for (const [field, value] of Object.entries(fields)) {
        if (value !== null && value !== '') run.fields.set(field, value);
      }
      if (resultOf(run.fields) !== undefined) this.#deliver(run, out);
    }
  }

  /** Perplexity repeats all steps so far. */
  addSteps(list: readonly unknown[], out: StreamChunk[]): void {
    for (const step of list) {
      if (!isRecord(step)) continue;
      const key = jsonText(step);
      if (key === undefined || this.#steps.has(key)) continue;
      this.#count(key.length);
      this.#steps.add(key);
      const thought = text(step['thought']);
      if (thought) out.push({ type: 'thinking', content: thought, call: 0 });
      const name = text(step['type']) || Object.keys(step).find((field) => isRecord(step[field]));
      const details = name === undefined || !Object.hasOwn(step, name) ? undefined : step[name];
      if (name === undefined || !isRecord(details)) continue;
      const entries = Object.entries(details);
      const given = Object.fromEntries(entries.filter(([field]) => STEP_INPUT.has(field)));
      const result = Object.fromEntries(entries.filter(([field]) => !STEP_INPUT.has(field)));
      this.#push({ id: this.#id(), name, ...checkedArguments(given, this.#context.limits) }, result, out);
    }
  }

  /** Takes a message of role `tool` in the reply, or the next piece of it. */
  addResult(message: Fields): void {
    this.#resultId = text(message['tool_call_id']) || this.#resultId;
    const content = text(message['content']) ?? jsonText(message['content'] ?? '') ?? '';
    this.#count(content.length);
    this.#results.set(this.#resultId, (this.#results.get(this.#resultId) ?? '') + content);
  }

  /** Ends the reply: pushes the calls that have no result. */
  end(out: StreamChunk[]): void {
    for (const run of this.#runs.values()) if (!run.isDelivered) this.#deliver(run, out);
  }

  /**
   * Marks the calls in `chunks`, beginning at `from`, that the server has run, and adds their results after them. Returns
   * how many calls are left for the client. `continued` says that text came after the calls, so that the server must have run
   * the calls of tools that the request does not offer.
   */
  mark(chunks: StreamChunk[], from: number, continued: boolean): number {
    const offered = offeredTools(this.#context);
    let left = 0;
    for (const chunk of chunks.splice(from)) {
      if (chunk.type !== 'tool_call') {
        chunks.push(chunk);
        continue;
      }
      const content = this.#results.get(chunk.id);
      const isOffered = offered.has(chunk.name);
      const isRun = SERVER_ID.test(chunk.id) || (!isOffered && (content !== undefined || continued));
      if (!isRun) left++;
      chunks.push(isRun ? { ...chunk, providerExecuted: true } : chunk);
      if (isRun && content !== undefined) chunks.push(resultChunk(chunk, content));
    }
    return left;
  }

  #run(key: string): Run {
    let run = this.#runs.get(key);
    if (run === undefined) {
      this.#count(key.length);
      run = { id: this.#id(), fields: new Map(), isDelivered: false };
      this.#runs.set(key, run);
    }
    return run;
  }

  /** Makes an id, because these calls have none. */
  #id(): string {
    const { maxToolCalls } = this.#context.limits;
    if (++this.#made > maxToolCalls) {
      const what = `the calls of the server's tools exceed limits.maxToolCalls (${maxToolCalls})`;
      throw streamError(this.#context, 'protocol', what, false);
    }
    return `server_call_${this.#made}`;
  }

  #deliver(run: Run, out: StreamChunk[]): void {
    run.isDelivered = true;
    const { fields } = run;
    const name = text(fields.get('name')) || text(fields.get('type')) || 'tool';
    const given = fields.get('arguments');
    const { limits } = this.#context;
    const read =
      typeof given === 'string' ? readArguments(given, limits) : checkedArguments(given ?? {}, limits);
    this.#push({ id: run.id, name, ...read }, resultOf(fields), out);
    for (const source of sourcesIn(fields.get('search_results'))) this.sources.push(source);
    fields.clear();
  }

  #push(call: Omit<ToolCallChunk, 'type'>, result: unknown, out: StreamChunk[]): void {
    out.push({ type: 'tool_call', ...call, providerExecuted: true, call: 0 });
    if (result === undefined) return;
    const content = typeof result === 'string' ? result : (jsonText(result) ?? '');
    this.#count(content.length);
    out.push(resultChunk(call, content));
  }

  #count(characters: number): void {
    this.#characters += characters;
    const { maxOutputCharacters } = this.#context.limits;
    if (this.#characters <= maxOutputCharacters) return;
    const what = `the results of the server's tools exceed limits.maxOutputCharacters (${maxOutputCharacters})`;
    throw streamError(this.#context, 'protocol', what, false);
  }
}

/** The search results of one of Groq's tools. */
function sourcesIn(found: unknown): unknown[] {
  const list = isRecord(found) ? found['results'] : found;
  return Array.isArray(list) ? list : [];
}

/** The results of Anthropic's server tools. LiteLLM sends them with the text, each with the id of its call. */
export function resultsIn(fields: unknown): Fields[] {
  if (!isRecord(fields)) return [];
  const lists = Object.values(fields).filter((value) => Array.isArray(value));
  return lists.flat().flatMap((item: unknown) => {
    const id = isRecord(item) ? text(item['tool_use_id']) : undefined;
    return id !== undefined && isRecord(item) ? [{ tool_call_id: id, content: item['content'] }] : [];
  });
}

/** The names of the tools that a request offers, including those of `providerOptions`. */
export function offeredTools(context: OpenAIReplyContext): ReadonlySet<string> {
  const names = new Set((context.call.call.request.tools ?? []).map(({ name }) => name));
  const { tools, functions } = ownOptionsOf(context);
  for (const list of [tools, functions]) {
    if (!Array.isArray(list)) continue;
    for (const tool of list) {
      const fields = isRecord(tool) ? (tool['function'] ?? tool['custom'] ?? tool) : undefined;
      const name = isRecord(fields) ? text(fields['name']) : undefined;
      if (name !== undefined) names.add(name);
    }
  }
  return names;
}

/** The result of a tool: its output, else all its other fields. */
function resultOf(fields: ReadonlyMap<string, unknown>): unknown {
  const output = fields.get('output');
  if (output !== undefined) return output;
  const rest = [...fields].filter(([field]) => !['id', 'type', 'name', 'arguments'].includes(field));
  return rest.length === 0 ? undefined : Object.fromEntries(rest);
}

function resultChunk({ id, name }: { id: string; name: string }, content: string): ToolResultChunk {
  return { type: 'tool_result', id, name, content, isError: false, providerExecuted: true, call: 0 };
}

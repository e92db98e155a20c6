import type { ExecutionChunk } from '../../../src/index.ts';
import { plainValue, withOwnData } from './own-data.ts';
import type { OwnData } from './own-data.ts';
import type { OfferedPart } from './types.ts';

type ToolChunk = Extract<
  ExecutionChunk,
  { type: 'tool_call_delta' | 'tool_call' | 'tool_progress' | 'tool_result' }
>;

/** A call whose arguments are being written. */
interface Input {
  id: string;
  name: string | undefined;
  /** Pieces that came before the name. */
  waiting: string;
  started: boolean;
}

/**
 * The tool calls of an execution as parts. Services may give the calls of each round the same ids: each gets one that is unique over all rounds.
 * Calls of the pipeline's own tools are marked as run by the provider, and come with their results.
 */
export class CallParts {
  readonly #clientTools: ReadonlySet<string>;
  /** By the number of the model call and the id there. */
  readonly #inputs = new Map<string, Input>();
  /** By the id there: the latest id that we gave. */
  readonly #ids = new Map<string, string>();
  readonly #given = new Set<string>();

  constructor(clientTools: ReadonlySet<string>) {
    this.#clientTools = clientTools;
  }

  /** Whether there is a call for the caller to run. */
  forClient = false;

  take(chunk: ToolChunk, out: OfferedPart[]): void {
    switch (chunk.type) {
      case 'tool_call_delta':
        this.#delta(chunk, out);
        return;
      case 'tool_call':
        this.#call(chunk, out);
        return;
      case 'tool_progress':
        this.#result(chunk, plainValue(chunk.data) ?? '', { preliminary: true }, {}, out);
        return;
      case 'tool_result': {
        const { content, isError, parts, block, providerExecuted } = chunk;
        const own: OwnData = {
          ...(block !== undefined && { block }),
          ...(parts !== undefined && { parts }),
          ...(providerExecuted === true && { providerExecuted }),
        };
        this.#result(chunk, content, isError ? { isError } : {}, own, out);
      }
    }
  }

  /** Ends what was begun and will not be finished. */
  closeInputs(out: OfferedPart[]): void {
    for (const { id, started } of this.#inputs.values())
      if (started) out.push({ type: 'tool-input-end', id });
    this.#inputs.clear();
  }

  #delta(chunk: Extract<ToolChunk, { type: 'tool_call_delta' }>, out: OfferedPart[]): void {
    const key = `${chunk.call} ${chunk.id}`;
    let input = this.#inputs.get(key);
    if (input === undefined) {
      input = { id: this.#newId(chunk.id), name: undefined, waiting: '', started: false };
      this.#inputs.set(key, input);
    }
    input.name ??= chunk.name;
    input.waiting += chunk.argumentsDelta;
    const { id, name } = input;
    if (name === undefined) return;
    if (!input.started) {
      input.started = true;
      out.push({ type: 'tool-input-start', id, toolName: name, ...this.#mark(name) });
    }
    if (input.waiting !== '') out.push({ type: 'tool-input-delta', id, delta: input.waiting });
    input.waiting = '';
  }

  #call(chunk: Extract<ToolChunk, { type: 'tool_call' }>, out: OfferedPart[]): void {
    const { name, invalid, block, providerExecuted } = chunk;
    const key = `${chunk.call} ${chunk.id}`;
    const input = this.#inputs.get(key);
    this.#inputs.delete(key);
    const id = input?.id ?? this.#newId(chunk.id);
    if (input?.started === true) out.push({ type: 'tool-input-end', id });
    const mark = providerExecuted === true ? RUN_HERE : this.#mark(name);
    if (mark.providerExecuted !== true) this.forClient = true;
    const own: OwnData = {
      ...(block !== undefined && { block }),
      ...(providerExecuted === true && { providerExecuted }),
    };
    const text = invalid === undefined ? (JSON.stringify(chunk.arguments) ?? '{}') : invalid.raw;
    out.push({
      type: 'tool-call',
      toolCallId: id,
      toolName: name,
      input: text,
      ...mark,
      ...withOwnData(own),
    });
  }

  #result(
    { id, name }: { id: string; name: string },
    result: NonNullable<ReturnType<typeof plainValue>>,
    flags: { isError?: boolean; preliminary?: boolean },
    own: OwnData,
    out: OfferedPart[],
  ): void {
    const toolCallId = this.#ids.get(id) ?? id;
    out.push({
      type: 'tool-result',
      toolCallId,
      toolName: name,
      result,
      dynamic: true,
      ...flags,
      ...withOwnData(own),
    });
  }

  #mark(name: string): { providerExecuted?: true; dynamic?: true } {
    return this.#clientTools.has(name) ? {} : RUN_HERE;
  }

  #newId(id: string): string {
    const base = id === '' ? 'call' : id;
    let unique = base;
    for (let number = 2; this.#given.has(unique); number++) unique = `${base}_${number}`;
    this.#given.add(unique);
    this.#ids.set(id, unique);
    return unique;
  }
}

/** The caller does not know the tool, and does not run it. */
const RUN_HERE = { providerExecuted: true, dynamic: true } as const;

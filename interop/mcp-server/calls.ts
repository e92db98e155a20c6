import type { CallToolResult } from '@modelcontextprotocol/server';
import { ToolLimits, tools, toolsOf } from '../../middleware/tools.ts';
import type { ResultPart, Tool, ToolSource } from '../../middleware/tools.ts';
import { Pipeline, contextKey, isSluiceError } from '../../src/index.ts';
import type { ExecutionChunk, Middleware } from '../../src/index.ts';
import { blocksOf } from './content.ts';
import type { McpExecution, ServerSettings } from './options.ts';

/** A call as a client asks for it. */
export interface AskedCall {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}

/** What a call is run with. */
export interface CallRun {
  readonly signal: AbortSignal;
  readonly execution: McpExecution;
  readonly progress: ((data: unknown) => void) | undefined;
}

const Asked = contextKey<AskedCall>('the call that a client of MCP has asked for');

/** Stands where the model is: says the call that the client has asked for. */
const asks: Middleware = async function* asks(context) {
  const asked = context.get(Asked);
  if (asked !== undefined) yield { type: 'tool_call', id: 'asked', ...asked };
  return { finishReason: 'tool_calls' };
};

/** Runs calls of tools as `tools()` does for a model: checked, limited in time and size, and cancelled with who asked. */
export class Calls {
  readonly #pipeline: Pipeline;
  readonly #sources: readonly ToolSource[];

  constructor(list: readonly (Tool | ToolSource)[], { tools: options, maxConcurrentCalls }: ServerSettings) {
    this.#pipeline = new Pipeline([tools(list, { ...options, stopWhen: () => true }), asks], {
      maxConcurrentExecutions: maxConcurrentCalls,
    });
    this.#sources = list.flatMap((one) => ('refresh' in one ? [one] : []));
  }

  /** The tools now, by their names. A tool that its client runs is not one of them. */
  get tools(): readonly Tool[] {
    return [...toolsOf(this.#pipeline.middleware).values()].filter(({ run }) => run !== undefined);
  }

  /** Brings lists that change up to date. One that cannot be stays as it was. */
  async refresh(signal: AbortSignal): Promise<void> {
    await Promise.allSettled(this.#sources.map(async (source) => source.refresh(signal)));
  }

  /** Runs a call. A failure is a result with `isError`, in words that a stranger may see. */
  async run(asked: AskedCall, { signal, execution, progress }: CallRun): Promise<CallToolResult> {
    const values = [
      ...(execution.values ?? []),
      Asked.with(asked),
      ToolLimits.with({ approvals: 'deny', maxRounds: 1 }),
    ];
    const stream = this.#pipeline.executeStream('user', asked.name, { ...execution, values, signal });
    let result: CallToolResult | undefined;
    try {
      for await (const chunk of stream) {
        if (chunk.type === 'tool_progress') progress?.(chunk.data);
        if (chunk.type === 'tool_result') result = resultOf(chunk);
      }
    } catch (error) {
      return failed(isSluiceError(error) ? error.toJSON().message : 'The call failed.');
    }
    return result ?? failed('The call has no result.');
  }

  /** Runs what runs to its end, and nothing after that. */
  close(): Promise<void> {
    return this.#pipeline.shutdown();
  }
}

function resultOf({
  id,
  content,
  parts,
  isError,
}: Extract<ExecutionChunk, { type: 'tool_result' }>): CallToolResult {
  const given: readonly ResultPart[] = parts ?? [{ type: 'text', text: content }];
  return { content: blocksOf(given, id), ...(isError && { isError }) };
}

function failed(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}

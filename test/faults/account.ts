import { isSluiceError, type SluiceError } from '../../src/index.ts';
import type { ExecutionChunk, ExecutionResult, Stream, ToolCall } from '../../src/index.ts';

/** What came of one execution, as its consumer saw it. */
export interface Account {
  /** The chunks before `done`, as JSON. */
  readonly chunks: string[];
  text: string;
  thinking: string;
  readonly toolCalls: ToolCall[];
  /** The results of the `done` chunks: one at the most. */
  readonly done: ExecutionResult[];
  /** What the stream threw. */
  error: unknown;
  /** What a read behind the end gave. */
  after: 'done' | 'a chunk' | 'an error';
  /** What `stream.result` said. */
  result: 'resolved' | SluiceError | 'an error of another kind';
}

/**
 * Reads an execution to its end and writes down what came; `onChunk` hears how many chunks there are, and may hold the reader
 * back.
 */
export async function accountOf(
  stream: Stream<ExecutionChunk, ExecutionResult>,
  onChunk: (count: number) => Promise<void> | void = () => undefined,
): Promise<Account> {
  const account: Account = {
    chunks: [],
    text: '',
    thinking: '',
    toolCalls: [],
    done: [],
    error: undefined,
    after: 'done',
    result: 'resolved',
  };
  try {
    for (;;) {
      const { done, value: chunk } = await stream.next();
      if (done === true) break;
      note(account, chunk);
      const held = onChunk(account.chunks.length);
      if (held !== undefined) await held;
    }
  } catch (error) {
    account.error = error;
  }
  account.after = await stream.next().then(
    ({ done }) => (done === true ? 'done' : 'a chunk'),
    () => 'an error',
  );
  account.result = await stream.result.then(
    () => 'resolved' as const,
    (error: unknown) => (isSluiceError(error) ? error : 'an error of another kind'),
  );
  return account;
}

function note(account: Account, chunk: ExecutionChunk): void {
  if (chunk.type === 'done') {
    account.done.push(chunk.result);
    return;
  }
  account.chunks.push(JSON.stringify(chunk, withoutAddress));
  if (chunk.type === 'reset') {
    // One layer resets here, and it voids all that came.
    account.text = '';
    account.thinking = '';
    account.toolCalls.length = 0;
  }
  if (chunk.type === 'content') account.text += chunk.content;
  if (chunk.type === 'thinking') account.thinking += chunk.content;
  if (chunk.type === 'tool_call') {
    const { id, name, providerExecuted } = chunk;
    const call = { id, name, arguments: chunk.arguments, ...(providerExecuted && { providerExecuted }) };
    account.toolCalls.push(call);
  }
}

/** The same reply comes from servers at many ports, which the blocks are marked with. */
function withoutAddress(name: string, value: unknown): unknown {
  return name === 'baseURL' ? undefined : value;
}

import { isSluiceError, type SluiceError } from '../../src/index.ts';
import type { ExecutionChunk, ExecutionResult, Stream, ToolCall } from '../../src/index.ts';

/** One execution, as its consumer saw it. */
export interface Account {
  /** The chunks before `done`, as JSON. */
  readonly chunks: string[];
  text: string;
  thinking: string;
  readonly toolCalls: ToolCall[];
  /** The results of the `done` chunks, at most one. */
  readonly done: ExecutionResult[];
  /** The error that the stream threw. */
  error: unknown;
  /** What a read after the end returned. */
  after: 'done' | 'a chunk' | 'an error';
  /** How `stream.result` settled. */
  result: 'resolved' | SluiceError | 'an error of another kind';
}

/** Reads an execution to its end and records it. `onChunk` is called with the number of chunks so far, and may make the reader wait. */
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
    // The only layer that resets here discards everything delivered so far.
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

/** Leaves out the server's address, which is different in each run and part of blocks. */
function withoutAddress(name: string, value: unknown): unknown {
  return name === 'baseURL' ? undefined : value;
}

import type { ChatState, ClientStream } from '../../../client/index.ts';

/** What a turn comes to. */
export type ExecutionResult = NonNullable<ChatState['result']>;

/** What a stream gives. */
export type ExecutionChunk = Extract<Awaited<ReturnType<ClientStream['next']>>, { done?: false }>['value'];

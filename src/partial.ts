import type { Part } from './messages.ts';
import type { ToolCall } from './result.ts';
import type { Usage } from './usage.ts';

/** What had been received when an execution ended early: over all calls, after resets. */
export interface Partial {
  content: string;
  thinking: string;
  toolCalls: ToolCall[];
  parts: Part[];
  /** Sum over all calls so far; absent in the partial of an inner stream. */
  usage?: Usage;
}

import type { Tool } from './tool.ts';

/**
 * Tools whose list may change while they are used, such as those of an MCP server. `tools()` takes one beside tools: each round offers the tools as they are then. A call that waits for
 * an approval was meant for the tool as it was, and is refused if the tool has changed.
 */
export interface ToolSource {
  /** The tools now. It has to be the same array until one of them changes. */
  readonly tools: readonly Tool[];
  /** What is wrong with the list, such as tools that it had to leave out. They are warnings of each execution. */
  readonly warnings?: readonly string[] | undefined;
  /**
   * Brings `tools` up to date; called before each round. Undefined: they are. A rejection is a warning of the execution, which goes on with the tools as they were.
   */
  refresh(signal: AbortSignal): Promise<void> | undefined;
}

/** Whether one of the list of `tools()` is a source of tools. */
export function isToolSource(value: unknown): value is ToolSource {
  return (
    typeof value === 'object' &&
    value !== null &&
    'tools' in value &&
    Array.isArray(value.tools) &&
    'refresh' in value &&
    typeof value.refresh === 'function'
  );
}

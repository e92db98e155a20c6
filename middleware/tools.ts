import type { Middleware } from '../src/index.ts';
import { ToolList } from './tools/list.ts';
import { Loop } from './tools/loop/loop.ts';
import { toolsSettings } from './tools/options.ts';
import type { ToolsOptions } from './tools/options.ts';
import { recordsKey } from './tools/loop/record.ts';
import type { ToolSource } from './tools/source.ts';
import type { Tool } from './tools/tool.ts';
import { withTools } from './tools/tools-of.ts';

export { agentTool } from './tools/agent.ts';
export type {
  AgentMessages,
  AgentOptions,
  AgentProgress,
  AgentToolOptions,
  PromptInput,
} from './tools/agent.ts';
export { tool } from './tools/tool.ts';
export { mockTool } from './tools/mock-tool.ts';
export type { MockAnswer, MockCall, MockTool, MockToolOptions } from './tools/mock-tool.ts';
export type { ApprovalAnswer, ApprovalRequest, NeedsApproval } from './tools/approval.ts';
export type { Approval, OnUnknownOutcome, RunTool, Tool, ToolOptions, ToolRun } from './tools/tool.ts';
export type { Check, Checked, InputOf, InputSchema, LibrarySchema, RawSchema } from './tools/schema.ts';
export type { FinishedRound, NextRound, OnToolError, RepairedCall, ToolsOptions } from './tools/options.ts';
export { ToolLimits } from './tools/limits.ts';
export type { ToolLimit } from './tools/limits.ts';
export type { ToolSource } from './tools/source.ts';
export { toolsOf } from './tools/tools-of.ts';
export { UnknownOutcome } from './tools/unknown-outcome.ts';
export type { ResultPart } from './tools/result.ts';
export type { CallOutcome } from '../src/index.ts';

/**
 * Offers tools to the model, runs the calls that it makes, and asks it again with their results, until it answers without a call. One execution then
 * makes several model calls, one for each round. `tool_call`, `tool_progress` and `tool_result` chunks come as they happen.
 *
 * A source in the list, such as the tools of an MCP server, gives tools that may change: each round offers them as they are then.
 *
 * Place `retry()` and `timeout()` below it, so that a model call is repeated and not the whole loop. A retry above it runs no tool twice either.
 *
 * Throws `invalid_options`.
 *
 * @example
 * new Pipeline([cost(), tools([weather], { maxRounds: 10 }), retry(), provider(openai())]);
 */
export function tools(list: readonly (Tool | ToolSource)[], options: ToolsOptions = {}): Middleware {
  const settings = toolsSettings(options);
  const all = new ToolList(list, { settings, key: recordsKey() });
  return withTools(
    function tools(context, next) {
      return new Loop(context, next, all).stream();
    },
    () => all.now.byName,
  );
}

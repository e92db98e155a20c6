import type { Middleware, ToolDefinition } from '../src/index.ts';
import type { ToolSet } from './tools/loop/asking.ts';
import { Loop } from './tools/loop/loop.ts';
import { toolsByName, toolsSettings } from './tools/options.ts';
import type { ToolsOptions } from './tools/options.ts';
import { recordsKey } from './tools/loop/record.ts';
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
export { toolsOf } from './tools/tools-of.ts';
export { UnknownOutcome } from './tools/unknown-outcome.ts';
export type { ResultPart } from './tools/result.ts';
export type { CallOutcome } from '../src/index.ts';

/**
 * Offers tools to the model, runs the calls that it makes, and asks it again with their results, until it answers without a call. One execution then
 * makes several model calls, one for each round. `tool_call`, `tool_progress` and `tool_result` chunks come as they happen.
 *
 * Place `retry()` and `timeout()` below it, so that a model call is repeated and not the whole loop. A retry above it runs no tool twice either.
 *
 * Throws `invalid_options`.
 *
 * @example
 * new Pipeline([cost(), tools([weather], { maxRounds: 10 }), retry(), provider(openai())]);
 */
export function tools(list: readonly Tool[], options: ToolsOptions = {}): Middleware {
  const settings = toolsSettings(options);
  const byName = toolsByName(list);
  const definitions = [...byName.values()].map(definitionOf);
  const asksApproval = [...byName.values()].some(({ needsApproval }) => needsApproval !== undefined);
  const set: ToolSet = { settings, byName, definitions, asksApproval, key: recordsKey() };
  return withTools(function tools(context, next) {
    return new Loop(context, next, set).stream();
  }, byName);
}

function definitionOf({ name, description, parameters }: Tool): ToolDefinition {
  return { name, ...(description !== undefined && { description }), parameters };
}

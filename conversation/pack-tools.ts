import { tool, tools } from '../middleware/tools.ts';
import type { RunTool, Tool, ToolRun } from '../middleware/tools.ts';
import { SluiceError } from '../src/index.ts';
import type { Middleware } from '../src/index.ts';
import { kindOf } from '../src/kit/index.ts';
import type { PackPrompt, PackTool, PromptPack } from './pack-types.ts';

/** What runs a tool of a pack: a function that gets the checked input, or a whole tool in place of the one that the pack declares. */
export type PackToolBinding = Tool | ((input: Record<string, unknown>, run: ToolRun) => unknown);

/** The names of the tools that a prompt offers: those on its list that its policy does not block. */
export function offeredTools({ tools: names = [], tool_policy: policy }: PackPrompt): string[] {
  const blocked = new Set(policy?.blocklist);
  return [...new Set(names)].filter((name) => !blocked.has(name));
}

/**
 * The loop for the tools of a prompt, with the limits of its policy; empty if it has no tools. Throws `invalid_options` that names each tool that is not
 * bound, is bound to something else, or is not declared.
 */
export function packTools(
  pack: PromptPack,
  promptName: string,
  bound: Readonly<Record<string, unknown>> = {},
): Middleware[] {
  const prompt = pack.prompts[promptName];
  const declared = new Map(Object.entries(pack.tools ?? {}));
  const listed = prompt?.tools ?? [];
  const unknown = Object.keys(bound).filter((name) => !declared.has(name) && !listed.includes(name));
  if (unknown.length > 0) {
    const there = [...new Set([...declared.keys(), ...listed])].join(', ') || 'none';
    throw invalid(`tools has ${unknown.join(', ')}, which the pack does not have. Its tools are: ${there}`);
  }
  if (prompt === undefined) return [];
  const names = offeredTools(prompt);
  if (names.length === 0) return [];
  const unbound = names.filter((name) => !Object.hasOwn(bound, name));
  if (unbound.length > 0) {
    const advice = 'give a function for each in tools, such as { tools: { lookup: async (input) => ... } }';
    throw invalid(`the prompt ${promptName} has tools without a function (${unbound.join(', ')}): ${advice}`);
  }
  const made = names.map((name) => boundTool(name, bound[name], declared.get(name)));
  const { max_rounds: maxRounds, max_tool_calls_per_turn: maxCalls } = prompt.tool_policy ?? {};
  return [tools(made, { maxRounds, maxCalls })];
}

function boundTool(name: string, binding: unknown, declared: PackTool | undefined): Tool {
  if (isTool(binding)) {
    if (binding.name === name) return binding;
    throw invalid(`tools.${name} is a tool with the name ${binding.name}: give one with the name ${name}`);
  }
  if (!isFunction(binding))
    throw invalid(`tools.${name} is ${kindOf(binding)}: give a function, or a tool made with tool()`);
  if (declared === undefined)
    throw invalid(
      `the pack does not declare the tool ${name}: give a tool made with tool(), which has a schema`,
    );
  if (declared.name !== name)
    throw invalid(`the pack has the tool ${declared.name} under the key ${name}: give both the same name`);
  const { description, parameters = { type: 'object', properties: {} } } = declared;
  return tool({ name, description, input: { jsonSchema: parameters }, execute: binding });
}

function isTool(value: unknown): value is Tool {
  return typeof value === 'object' && value !== null && 'name' in value && 'check' in value && 'run' in value;
}

function isFunction(value: unknown): value is RunTool {
  return typeof value === 'function';
}

function invalid(why: string): SluiceError {
  return new SluiceError('invalid_options', `openConversation(): ${why}.`);
}

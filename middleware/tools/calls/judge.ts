import type { ToolCallPart, ResultStep } from '../../../src/index.ts';
import { scrub } from '../../../src/kit/index.ts';
import { toolError } from './calls.ts';
import type { ToolsSettings } from '../options.ts';
import { errorResult } from '../result.ts';
import type { Checked } from '../schema.ts';
import type { Tool } from '../tool.ts';
import { copyOf, isRecord, messageOf } from '../values.ts';

/** The tools that a round offers: ours, and those that the caller runs itself. */
export interface Offered {
  readonly ours: ReadonlyMap<string, Tool>;
  readonly callers: ReadonlySet<string>;
}

/** What becomes of a call: it can run, its result is known already, or it belongs to the caller. */
export type Judgment = { tool: Tool; input: unknown } | { result: ResultStep } | 'callers';

/** Says what becomes of a call. Its arguments are checked, and corrected by `repair` if there is one. */
export async function judge(
  call: ToolCallPart,
  offered: Offered,
  settings: ToolsSettings,
): Promise<Judgment> {
  if (offered.callers.has(call.name)) return 'callers';
  const found = await look(call, offered);
  if ('tool' in found) return found;
  const { repair } = settings;
  if (repair === undefined) return refusal(call, found.problem, settings);
  const repaired = await askRepair(() => repair(call, found.problem));
  if (repaired === undefined) return refusal(call, found.problem, settings);
  const { invalid: _invalid, ...rest } = call;
  const again = await look(
    { ...rest, name: repaired.name ?? call.name, arguments: repaired.arguments },
    offered,
  );
  return 'tool' in again ? again : refusal(call, again.problem, settings);
}

async function look(
  call: ToolCallPart,
  { ours }: Offered,
): Promise<{ tool: Tool; input: unknown } | { problem: string }> {
  const tool = ours.get(call.name);
  if (tool === undefined) return { problem: unknownTool(call.name, ours) };
  if (call.invalid !== undefined) return { problem: `The arguments are wrong: ${call.invalid.reason}` };
  const checked = await checkOf(tool, call.arguments);
  return 'value' in checked
    ? { tool, input: checked.value }
    : { problem: `The arguments are wrong: ${checked.problem}` };
}

/** A schema that throws has found something wrong, too. The arguments are copied: a schema or a tool may change what it is given. */
export async function checkOf(tool: Pick<Tool, 'check'>, given: unknown): Promise<Checked> {
  try {
    return await tool.check(copyOf(given));
  } catch (thrown) {
    const message = scrub(messageOf(thrown));
    return { problem: message, issues: [{ path: [], message }] };
  }
}

function unknownTool(name: string, ours: ReadonlyMap<string, Tool>): string {
  const names = [...ours.keys()];
  const offer =
    names.length === 0 ? 'No tool can be called now.' : `These can be called: ${names.join(', ')}.`;
  return `There is no tool ${JSON.stringify(name.slice(0, 64))}. ${offer}`;
}

function refusal(call: ToolCallPart, problem: string, settings: ToolsSettings): { result: ResultStep } {
  const said = errorResult(problem, settings.maxResultCharacters);
  return { result: { kind: 'result', callId: call.id, ...said, outcome: 'failed' } };
}

async function askRepair(repair: () => unknown): Promise<{ name?: string; arguments: unknown } | undefined> {
  let answer: unknown;
  try {
    answer = await repair();
  } catch (thrown) {
    throw toolError(`tools(): repair threw: ${scrub(messageOf(thrown))}`, thrown);
  }
  if (answer === undefined || answer === null) return undefined;
  if (!isRecord(answer) || !('arguments' in answer))
    throw toolError('tools(): repair returned no { arguments }.', undefined);
  const { name } = answer;
  return { arguments: answer['arguments'], ...(typeof name === 'string' && { name }) };
}

import type { ToolDefinition } from '../../src/index.ts';
import { flagAt, isRecord, listAt, nameAt, objectAt, optionalAt, textAt, type Fields } from './read.ts';
import { fieldError } from './request-error.ts';
import { requireForeign } from './request.ts';
import type { AnthropicSettings } from './anthropic-messages.ts';

/** The tools of a request. */
export interface AnthropicTools {
  /** Those that the client runs, with a schema of its own. */
  tools: ToolDefinition[];
  /** Those that Anthropic's API defines, as they came. */
  own: Fields[];
  /** The names of all. */
  names: Set<string>;
  /** Whether one of them has a cache breakpoint. */
  isCached: boolean;
}

/** The tools of a request. Those that Anthropic's API defines are refused by name if the pipeline does not ask that API. */
export function anthropicTools(value: unknown, settings: AnthropicSettings): AnthropicTools {
  const found: AnthropicTools = { tools: [], own: [], names: new Set(), isCached: false };
  if (value === undefined || value === null) return found;
  listAt(value, 'tools').forEach((tool, at) => addTool(found, tool, `tools[${at}]`, settings));
  return found;
}

/** Adds the tool at a path to those that were found. */
export function addTool(
  found: AnthropicTools,
  value: unknown,
  path: string,
  settings: AnthropicSettings,
): void {
  const tool = objectAt(value, path);
  const type = optionalAt(tool, 'type', path, textAt) ?? 'custom';
  if (isRecord(tool['cache_control'])) found.isCached = true;
  if (type !== 'custom') {
    addOwn(found, { tool, type, path }, settings);
    return;
  }
  const name = requireForeign(nameAt(tool['name'], `${path}.name`), `${path}.name`, settings);
  const description = optionalAt(tool, 'description', path, textAt);
  const strict = optionalAt(tool, 'strict', path, flagAt);
  found.names.add(name);
  found.tools.push({
    name,
    ...(description !== undefined && { description }),
    parameters: { ...objectAt(tool['input_schema'], `${path}.input_schema`) },
    ...(strict === true && { strict }),
    ...(settings.verbatim === true && ownFields(tool)),
  });
}

/** A tool that Anthropic's API defines. */
function addOwn(
  found: AnthropicTools,
  { tool, type, path }: { tool: Fields; type: string; path: string },
  settings: AnthropicSettings,
): void {
  if (settings.verbatim !== true)
    throw fieldError(
      `${path}.type`,
      `${JSON.stringify(type.slice(0, 60))} is a tool of Anthropic's API, and this model is not asked there`,
    );
  const own = optionalAt(tool, 'name', path, textAt);
  const name = own === undefined ? undefined : requireForeign(own, `${path}.name`, settings);
  if (name !== undefined) found.names.add(name);
  if (!CLIENT_RUN.test(type)) found.own.push(tool);
  // Its calls have names that the request does not say, so they would not reach the client.
  else if (name === undefined)
    throw fieldError(`${path}.type`, 'sets of tools are not supported: give each tool by its own name');
  // The client runs it, as it runs its own.
  else found.tools.push({ name, parameters: { type: 'object' }, ...ownFields(tool) });
}

/** Tools that Anthropic's API defines and the client runs. */
const CLIENT_RUN = /^(?:bash|text_editor|computer|memory|browser)_/;

/** Fields that have words of ours. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['name', 'description', 'input_schema', 'strict', 'cache_control'],
]);

/** What only Anthropic's API knows of a tool: its type, whether it is loaded later, who may call it. */
function ownFields(tool: Fields): Pick<ToolDefinition, 'providerOptions'> {
  const own = Object.entries(tool).filter(([field]) => !KNOWN.has(field));
  return own.length === 0 ? {} : { providerOptions: { anthropic: Object.fromEntries(own) } };
}

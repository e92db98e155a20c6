import type { ToolChoice, ToolDefinition } from '../../src/index.ts';
import type { WireTool } from '../formats/format.ts';
import { defined, objectOf, oneOfAt } from './openai-fields.ts';
import type { OpenAISettings } from './openai-fields.ts';
import { flagAt, listAt, nameAt, objectAt, optionalAt, textAt } from './read.ts';
import type { Fields } from './read.ts';
import { fieldError } from './request-error.ts';
import { requireForeign } from './request.ts';

/** The tools of a request. */
export interface OpenAITools {
  tools: ToolDefinition[];
  /** Those that are not plain functions, by the names that the model is given. */
  wireTools: Map<string, WireTool>;
}

/** The tools that the model is offered, and how it chooses. */
export interface ChosenTools {
  tools: readonly ToolDefinition[];
  toolChoice?: ToolChoice;
}

/** A name that was found in the body, and where. */
export interface FoundName {
  name: string;
  path: string;
}

/** The name of a tool as a model is given it: a group of tools becomes a part of their names. */
export function insideName(name: string, namespace: string | undefined): string {
  return namespace === undefined ? name : `${namespace}__${name}`;
}

/** A function that the client runs. */
export function toolAt(fields: Fields, path: string, settings: OpenAISettings): ToolDefinition {
  const name = requireForeign(nameAt(fields['name'], `${path}.name`), `${path}.name`, settings);
  return {
    name,
    parameters: { type: 'object', properties: {} },
    ...defined({
      description: optionalAt(fields, 'description', path, textAt),
      parameters: optionalAt(fields, 'parameters', path, objectOf),
      strict: optionalAt(fields, 'strict', path, flagAt),
    }),
  };
}

/**
 * A tool that takes a text, for models of any provider: a function with one argument. Its grammar is part of the description, and is not enforced. `grammar`: its definition as it
 * came, if there is one.
 */
export function textToolAt(
  fields: Fields,
  path: string,
  grammar: unknown,
  settings: OpenAISettings,
): ToolDefinition {
  const name = requireForeign(nameAt(fields['name'], `${path}.name`), `${path}.name`, settings);
  const description = optionalAt(fields, 'description', path, textAt) ?? '';
  const isGiven = typeof grammar === 'string' && grammar !== '';
  const rule = isGiven ? `The input follows this grammar:\n${grammar}` : '';
  const words = [description, rule].filter((text) => text !== '').join('\n\n');
  return {
    name,
    ...(words !== '' && { description: words }),
    parameters: {
      type: 'object',
      properties: { input: { type: 'string', description: 'The whole input of the tool, as plain text.' } },
      required: ['input'],
      additionalProperties: false,
    },
  };
}

/** Refuses two tools of one name. */
export function requireDistinct(tools: readonly ToolDefinition[]): void {
  const names = tools.map(({ name }) => name);
  if (new Set(names).size < names.length) throw fieldError('tools', 'two tools have the same name');
}

/**
 * What `tool_choice` says. The APIs differ in where they have the name of a tool (`nameIn`), and where the list of those that are allowed (`listIn`: the field with it; undefined:
 * it is in `tool_choice` itself).
 */
export function chosenTools(
  value: unknown,
  tools: readonly ToolDefinition[],
  nameIn: (fields: Fields, path: string) => FoundName,
  listIn?: string,
): ChosenTools {
  if (value === undefined || value === null) return { tools };
  if (typeof value === 'string')
    return { tools, toolChoice: oneOfAt(value, 'tool_choice', ['auto', 'none', 'required']) };
  const offered = new Set(tools.map(({ name }) => name));
  const fields = objectAt(value, 'tool_choice');
  const type = oneOfAt(fields['type'], 'tool_choice.type', ['function', 'custom', 'allowed_tools']);
  if (type !== 'allowed_tools') {
    const found = nameIn(fields, 'tool_choice');
    requireOffered(found, offered);
    return { tools, toolChoice: { name: found.name } };
  }
  const path = listIn === undefined ? 'tool_choice' : `tool_choice.${listIn}`;
  const of = listIn === undefined ? fields : objectAt(fields[listIn], path);
  const names = new Set<string>();
  listAt(of['tools'], `${path}.tools`).forEach((tool, at) => {
    const found = nameIn(objectAt(tool, `${path}.tools[${at}]`), `${path}.tools[${at}]`);
    requireOffered(found, offered);
    names.add(found.name);
  });
  return {
    tools: tools.filter(({ name }) => names.has(name)),
    toolChoice: oneOfAt(of['mode'], `${path}.mode`, ['auto', 'required']),
  };
}

function requireOffered({ name, path }: FoundName, offered: ReadonlySet<string>): void {
  if (!offered.has(name)) throw fieldError(path, 'it names a tool that is not among the tools');
}

import { SluiceError } from '../../src/index.ts';
import type { ExecutionContext, ModelRequest, ToolDefinition } from '../../src/index.ts';
import { kindOfThrown } from '../../src/kit/index.ts';
import type { ToolSet } from './loop/asking.ts';
import type { RecordsKey } from './loop/record.ts';
import type { ToolsSettings } from './options.ts';
import { isToolSource } from './source.ts';
import type { ToolSource } from './source.ts';
import type { Tool } from './tool.ts';

/** What stays the same of one `tools()`. */
interface Fixed {
  readonly settings: ToolsSettings;
  readonly key: RecordsKey;
}

/** The tools of one `tools()`, of which some may come from sources. */
export class ToolList {
  readonly #list: readonly (Tool | ToolSource)[];
  readonly #sources: readonly ToolSource[];
  readonly #fixed: Fixed;
  #seen: readonly (readonly Tool[])[] = [];
  #set: ToolSet;

  /** Throws `invalid_options` for what is not a tool, and for two of one name. */
  constructor(list: readonly (Tool | ToolSource)[], fixed: Fixed) {
    if (!Array.isArray(list)) throw new SluiceError('invalid_options', 'tools() takes an array of tools.');
    list.forEach((one: unknown, at) => {
      if (!isTool(one) && !isToolSource(one))
        throw new SluiceError(
          'invalid_options',
          `tools(): number ${at} is not a tool: make one with tool().`,
        );
    });
    this.#list = Array.from<Tool | ToolSource>(list);
    this.#sources = this.#list.filter(isToolSource);
    this.#fixed = fixed;
    this.#set = this.#made();
    const [twice] = this.#set.leftOut;
    if (twice !== undefined)
      throw new SluiceError('invalid_options', `tools(): two tools have the name ${twice}: rename one.`);
  }

  /** The tools as they are now. The same until one of a source changes. */
  get now(): ToolSet {
    if (this.#sources.some(({ tools }, at) => tools !== this.#seen[at])) this.#set = this.#made();
    return this.#set;
  }

  /** The tools for a request: a tool of a source gives way to one of the request. */
  for(request: ModelRequest): ToolSet {
    const set = this.now;
    const { tools } = request;
    if (this.#sources.length === 0 || tools === undefined) return set;
    const taken = new Set(tools.map(({ name }) => name));
    return [...set.byName.keys()].some((name) => taken.has(name)) ? this.#made(taken) : set;
  }

  /** Brings the sources up to date. Undefined: there is nothing to wait for. */
  refresh(context: ExecutionContext): Promise<void> | undefined {
    const waits = this.#sources.flatMap((source) => renewed(source, context) ?? []);
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
  }

  #made(taken?: ReadonlySet<string>): ToolSet {
    this.#seen = this.#sources.map(({ tools }) => tools);
    const byName = new Map<string, Tool>();
    const leftOut: string[] = [];
    for (const one of this.#list) {
      const isSource = isToolSource(one);
      for (const tool of isSource ? one.tools : [one]) {
        if (byName.has(tool.name) || (isSource && taken?.has(tool.name) === true)) leftOut.push(tool.name);
        else byName.set(tool.name, tool);
      }
    }
    const all = [...byName.values()];
    return {
      ...this.#fixed,
      byName,
      definitions: all.map(definitionOf),
      asksApproval: all.some(({ needsApproval }) => needsApproval !== undefined),
      leftOut,
      warnings: this.#sources.flatMap(({ warnings }) => warnings ?? []),
      mayChange: this.#sources.length > 0,
    };
  }
}

function renewed(source: ToolSource, context: ExecutionContext): Promise<void> | undefined {
  const failed = (thrown: unknown): void =>
    context.warn(`tools(): a list of tools could not be brought up to date: ${kindOfThrown(thrown)}.`);
  try {
    return source.refresh(context.signal)?.catch(failed);
  } catch (thrown) {
    failed(thrown);
    return undefined;
  }
}

function definitionOf({ name, description, parameters }: Tool): ToolDefinition {
  return { name, ...(description !== undefined && { description }), parameters };
}

function isTool(value: unknown): value is Tool {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'check' in value &&
    'run' in value &&
    'parameters' in value
  );
}

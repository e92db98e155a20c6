import * as z from 'zod';
import { tool } from '../../middleware/tools.ts';
import type { ResultPart, Tool, ToolRun } from '../../middleware/tools.ts';
import { SluiceError } from '../../src/index.ts';
import { answerOf, parseOptions } from '../../src/kit/index.ts';
import { offeredName } from './names.ts';
import type { McpDefinition, McpSettings, McpToolSettings } from './options.ts';
import { UnusableSchema } from './references.ts';
import { inputSchema, outputCheck } from './schema.ts';
import type { Complaint, ServerSchema } from './schema.ts';
import { shown } from './values.ts';

/** A tool of a server as it is called. */
export interface ServerTool {
  readonly name: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly idempotent: boolean;
  readonly checkOutput: Complaint | undefined;
}

/** Runs a call of a server's tool. */
export type RunServerTool = (
  tool: ServerTool,
  input: Record<string, unknown>,
  run: ToolRun,
) => Promise<string | ResultPart[]>;

/** What is needed of a definition. The rest of it is not looked at. */
const definitionSchema = z.looseObject({
  name: z.string().min(1),
  title: z.string().optional().catch(undefined),
  description: z.string().default('').catch(''),
  inputSchema: z.record(z.string(), z.unknown()).default({}),
  outputSchema: z.record(z.string(), z.unknown()).optional(),
  annotations: z.record(z.string(), z.unknown()).default({}).catch({}),
});

const settingsSchema = z.strictObject({
  description: z.string().optional(),
  idempotent: z.boolean().optional(),
  onUnknownOutcome: z.enum(['retry', 'fail', 'ask']).optional(),
  needsApproval: z.custom<McpToolSettings['needsApproval']>().optional(),
  parallel: z.boolean().optional(),
});
const answerSchema = z.union([settingsSchema, z.literal(false), z.undefined()], 'give settings, or false');
const asked = z.strictObject({ each: answerSchema });

/** The tools that a list of a server gives, and why others are left out. */
export interface MadeTools {
  readonly tools: readonly Tool[];
  readonly warnings: readonly string[];
}

/** How long a name of a server may be in a warning. */
const NAME_CHARACTERS = 100;
/** How long a reason may be. */
const MAX_REASON = 300;
/** How many warnings are kept. */
const MAX_WARNINGS = 20;

/** Makes tools of what a server lists. A bad one is left out, with a warning. Throws what `each` throws. */
export function toolsFrom(list: readonly unknown[], settings: McpSettings, run: RunServerTool): MadeTools {
  const byName = new Map<string, Tool>();
  const warnings: string[] = [];
  for (const given of list.slice(0, settings.maxTools)) {
    try {
      const made = madeOf(given, settings, run);
      if (made === undefined) continue;
      if (byName.has(made.name)) throw new UnusableSchema('another one has its name');
      byName.set(made.name, made);
    } catch (error) {
      if (!(error instanceof UnusableSchema)) throw error;
      warnings.push(`the tool ${nameIn(given)} is left out: ${error.message}`);
    }
  }
  if (list.length > settings.maxTools)
    warnings.push(`it has more than ${settings.maxTools} tools; the others are left out: see maxTools`);
  const rest = warnings.length - MAX_WARNINGS;
  if (rest > 0) warnings.splice(MAX_WARNINGS, rest, `and ${rest} more`);
  return { tools: [...byName.values()], warnings };
}

function nameIn(given: unknown): string {
  const name: unknown = typeof given === 'object' && given !== null ? Reflect.get(given, 'name') : undefined;
  return typeof name === 'string' ? JSON.stringify(shown(name, NAME_CHARACTERS)) : 'without a name';
}

function madeOf(given: unknown, settings: McpSettings, run: RunServerTool): Tool | undefined {
  const parsed = definitionSchema.safeParse(given);
  if (!parsed.success)
    throw new UnusableSchema(`its definition is not one: ${String(parsed.error.issues[0]?.path.join('.'))}`);
  const { name, title, description, annotations, inputSchema: input, outputSchema } = parsed.data;
  const whole = JSON.stringify([name, description, input, outputSchema, annotations]);
  if (whole.length > settings.maxDefinitionCharacters)
    throw new UnusableSchema(`its definition is longer than ${settings.maxDefinitionCharacters} characters`);
  const schema = inputSchema(input);
  const checkOutput = outputCheck(outputSchema);
  const offeredAs = offeredName(settings.prefix, name);
  const told = shown(description || title || '', settings.maxDescriptionCharacters);
  const chosen = chosenFor(
    {
      name,
      offeredAs,
      title: title && shown(title, NAME_CHARACTERS),
      description: told,
      inputSchema: schema.sent,
      annotations,
    },
    settings,
  );
  if (chosen === false) return undefined;
  const { description: said = told, idempotent = false, ...rest } = chosen;
  const called: ServerTool = { name, inputSchema: input, idempotent, checkOutput };
  checkUsable(schema);
  const made = tool({
    ...rest,
    name: offeredAs,
    description: said,
    // Any change of the definition is one: also of the words that the model reads.
    version: whole,
    input: { jsonSchema: schema.checked },
    idempotent,
    execute: (arguments_, toolRun) => run(called, arguments_, toolRun),
  });
  return { ...made, parameters: schema.sent };
}

/** Throws `UnusableSchema` if a schema cannot be sent, or nothing can be checked with it. */
function checkUsable({ sent, checked }: ServerSchema): void {
  const named = { name: 'schema', description: '' };
  try {
    tool({ ...named, input: { jsonSchema: sent, validate: (value) => value } });
    tool({ ...named, input: { jsonSchema: checked } });
  } catch (error) {
    const why = error instanceof SluiceError ? error.message : 'its schema is not one';
    throw new UnusableSchema(
      shown(why.replace(/^The tool schema: input: /, '').replace(/\.$/, ''), MAX_REASON),
    );
  }
}

function chosenFor(definition: McpDefinition, { each }: McpSettings): McpToolSettings | false {
  if (each === undefined) return {};
  const answer: unknown = answerOf('mcpTools(): each', () => each(definition));
  return parseOptions('mcpTools()', asked, { each: answer }).each ?? {};
}

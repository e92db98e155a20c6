import { SluiceError } from '../../src/index.ts';
import type { InputSchema } from './schema.ts';
import { tool } from './tool.ts';
import type { Tool, ToolOptions, ToolRun } from './tool.ts';

/** What a mock tool answers a call with. An `Error` is thrown, and a function is called. */
export type MockAnswer = unknown;

/** Options of {@link mockTool}. All other options of `tool()` are allowed, too. */
export interface MockToolOptions extends Omit<
  ToolOptions<InputSchema, unknown>,
  'name' | 'description' | 'input' | 'execute'
> {
  description?: string | undefined;
  /** Default: any object. */
  input?: InputSchema | undefined;
  /** The answers of its calls, in order. The last one answers all further calls. Default: `ok`. */
  answers?: readonly MockAnswer[] | undefined;
}

/** One run of a mock tool. */
export interface MockCall {
  readonly input: unknown;
  readonly run: ToolRun;
}

/** A tool that plays a script and records its calls. */
export interface MockTool extends Tool {
  /** Its runs so far, in the order in which they began. */
  readonly calls: readonly MockCall[];
}

/**
 * A tool for tests: it gives the answers of its script, and records what it was called with. Use it in place of a tool with the same name.
 *
 * Throws `invalid_options`.
 *
 * @example
 * const weather = mockTool('weather', { answers: ['sunny', new Error('The line is dead.')] });
 * await new Pipeline([tools([weather]), provider(model)]).execute('user', 'Weather in Rome?');
 * expect(weather.calls.map(({ input }) => input)).toEqual([{ city: 'Rome' }]);
 */
export function mockTool(name: string, options: MockToolOptions = {}): MockTool {
  const { answers = ['ok'], description = `A mock of ${name}`, input = ANY, ...rest } = options;
  if (!Array.isArray(answers) || answers.length === 0)
    throw new SluiceError('invalid_options', 'mockTool(): answers is not an array with an answer.');
  const calls: MockCall[] = [];
  const made = tool({
    ...rest,
    name,
    description,
    input,
    execute: (given, run) => {
      calls.push({ input: given, run });
      const answer: unknown = answers[Math.min(calls.length, answers.length) - 1];
      if (answer instanceof Error) throw answer;
      if (typeof answer !== 'function') return answer;
      const made: unknown = Reflect.apply(answer, undefined, [given, run]);
      return made;
    },
  });
  return { ...made, calls };
}

const ANY: InputSchema = { jsonSchema: { type: 'object' } };

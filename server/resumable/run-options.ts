import { SluiceError } from '../../src/index.ts';
import type { ExecutionOptions } from '../../src/index.ts';

/**
 * Options of one turn. There is no `signal`: a connection that ends does not end the turn. Use `stop()`. Of `output` the log keeps the JSON Schema: the answer is checked against that by whatever
 * process runs the turn, and its text is the JSON itself. Whoever reads it has the schema's own code run, for defaults, transforms and the like.
 */
export interface ResumableRunOptions extends Omit<ExecutionOptions, 'signal' | 'steps'> {
  /** Whose stream it is, if it is not a turn of a session: such a turn is its session's. Default: `''`. */
  owner?: string;
  /** Which pipeline answers. Needed if there are several. */
  name?: string;
  /** The model as the client asked for it, which its start says. `model` is the one that is asked. Default: `model`. */
  shownModel?: string;
  /** The id of the message of the user that the input replaces, as in `pipeline.edit()`. */
  edit?: string;
  /** Plain data that is kept in the log with what was asked, for `runOptions`: to make the values of the turn again in another process. */
  kept?: unknown;
  /** What else was asked, as plain data: the same `turnId` with another one is a conflict. It is not kept. */
  besides?: unknown;
  /** Runs a turn that has ended before once more under its id, if it did not complete. Otherwise its end is read again. */
  again?: boolean;
  /** What tells two requests with one `turnId` apart. Default: a hash of the session, the pipeline, the input, the options and `besides`. */
  fingerprint?: string;
}

/** The names of all options. */
const NAMES: Readonly<Record<keyof ResumableRunOptions, true>> = {
  ...{ timeoutMs: true, deadline: true, model: true, parameters: true, tools: true, responseFormat: true },
  output: true,
  ...{ system: true, metadata: true, values: true, turnId: true, onBusy: true, onTurn: true },
  ...{
    besides: true,
    owner: true,
    name: true,
    shownModel: true,
    edit: true,
    kept: true,
    again: true,
    fingerprint: true,
  },
};

/** Options of an execution that a turn in a log does not have. */
const REFUSED: Readonly<Record<string, string>> = {
  signal: 'a turn does not end with its caller: take signal out, and call stop()',
};

/** Throws `invalid_options` for an option that would have no effect. */
export function checkRunOptions(options: ResumableRunOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(NAMES, name)) continue;
    const why = REFUSED[name] ?? `${name} is not an option: take it out or fix its name`;
    throw new SluiceError('invalid_options', `resumable(): ${why}.`);
  }
}

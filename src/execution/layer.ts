import type { Call } from '../call.ts';
import type { StreamChunk } from '../chunks.ts';
import type { ExecutionContext, Middleware } from '../context.ts';
import { SluiceError, kindOf } from '../errors.ts';
import { replayedCheckOf } from '../output/checks-output.ts';
import type { ModelRequest, Parameters, Reply } from '../request.ts';
import type { OutputSupportOf } from '../output/support.ts';
import type { Stream } from '../stream/stream.ts';

/** The body of a terminal middleware: it makes one model call. */
export type TerminalBody = (context: ExecutionContext, call: Call) => Stream<StreamChunk, Reply>;

/** What a terminal middleware says about itself. */
export interface TerminalOptions {
  /** Name in errors, traces and logs. */
  name: string;
  /** The provider of its calls, for whoever prices or limits them before the answer comes. */
  provider?: string | undefined;
  /** The model, if the request names none. */
  model?: string | undefined;
  /** What answers its calls, for whoever counts them together with those of other middleware. Default: the middleware itself. */
  source?: object | undefined;
  /** The address of the server. See `Call.server`. */
  server?: string | undefined;
  /** Parameters for requests that do not set them. A key of the request replaces the whole default, unless it is `undefined`. */
  defaults?: Parameters | undefined;
  /** How its model can be made to answer in a given shape. Default: the schema is put into the prompt. */
  output?: OutputSupportOf | undefined;
  /** Frees what it holds; called at the shutdown of a pipeline that owns its parts. */
  close?: (() => Promise<void>) | undefined;
}

interface Terminal extends TerminalOptions {
  body: TerminalBody;
}

// Global symbols, so that a middleware made by another copy of the package in the same process is known, too.
const TERMINAL = Symbol.for('sluice.terminal');
const STACK = Symbol.for('sluice.stack');

/** A middleware with what the runtime knows of it. */
interface BrandedMiddleware extends Middleware {
  readonly [TERMINAL]?: Terminal;
  readonly [STACK]?: readonly Middleware[];
}

function brand(middleware: Middleware, symbol: symbol, value: unknown): Middleware {
  return Object.defineProperty(middleware, symbol, { value });
}

/**
 * Marks a middleware as one that makes model calls itself. Each run of it is a call, at any place in the stack: it is numbered, traced
 * and told to the taps of calls above it. `provider()` is made of it. Use it for an endpoint of your own.
 */
export function terminal(options: TerminalOptions, body: TerminalBody): Middleware {
  checkTerminal(options, body);
  const middleware: Middleware = (context) => context.run(middleware);
  return brand(middleware, TERMINAL, { ...options, body });
}

function checkTerminal(options: unknown, body: unknown): void {
  const name: unknown =
    typeof options === 'object' && options !== null && 'name' in options ? options.name : undefined;
  const problems: string[] = [];
  if (typeof name !== 'string' || name === '') problems.push(`options.name is ${kindOf(name)}: give a name`);
  if (typeof body !== 'function')
    problems.push(`body is ${kindOf(body)}: give a function (context, call) that returns a Stream`);
  if (problems.length > 0) throw new SluiceError('invalid_options', `terminal(): ${problems.join('; ')}.`);
}

/** The request of a terminal layer, with its default parameters. Any other layer gets it as it is. */
export function requestOf({ terminal }: Layer, request: ModelRequest): ModelRequest {
  const defaults = terminal?.defaults;
  if (defaults === undefined) return request;
  const set = Object.entries(request.parameters).filter(([, value]) => value !== undefined);
  return { ...request, parameters: { ...defaults, ...Object.fromEntries(set) } };
}

/** The layers that say a stored reply again, with the check of an output that is asked for. `stack` has it, if any. */
export function replayLayer(replay: Layer, stack: Layer): Layer {
  for (let at: Layer | undefined = stack; at !== undefined; at = at.below) {
    const middleware = replayedCheckOf(at.middleware);
    if (middleware !== undefined) return { name: at.name, middleware, terminal: undefined, below: replay };
  }
  return replay;
}

/** What `terminal()` was given, or undefined for any other middleware. */
export function terminalOf(middleware: BrandedMiddleware): Terminal | undefined {
  return middleware[TERMINAL];
}

/**
 * Several middleware as one, outermost first.
 *
 * @example
 * const careful = compose(retry(), timeout({ idleMs: 20_000 }));
 */
export function compose(...middleware: readonly Middleware[]): Middleware {
  const stack = flatten(middleware);
  const composed: Middleware = (context) => context.run(composed);
  return brand(composed, STACK, stack);
}

/** The middleware, with composed ones taken apart. Throws `invalid_options` for a value that is not a function. */
export function flatten(middleware: readonly Middleware[]): Middleware[] {
  return middleware.flatMap((one: BrandedMiddleware, index) => {
    if (typeof one !== 'function') {
      const advice = 'give a function, as logging() returns; was the factory passed without calling it?';
      throw new SluiceError('invalid_options', `middleware[${index}] is ${kindOf(one)}: ${advice}`);
    }
    return one[STACK] ?? [one];
  });
}

/** One place in a folded stack. */
export interface Layer {
  name: string;
  middleware: Middleware;
  terminal: Terminal | undefined;
  below: Layer | undefined;
}

/** Folds a stack into linked layers over `below`, once. */
export function fold(middleware: readonly Middleware[], below?: Layer): Layer | undefined {
  const stack = flatten(middleware);
  checkOrder(stack);
  return stack.reduceRight<Layer | undefined>((under, one, index) => {
    const marked = terminalOf(one);
    const name = marked?.name ?? (one.name === '' ? `#${index + 1}` : one.name);
    return { name, middleware: one, terminal: marked, below: under };
  }, below);
}

/** A middleware below a terminal one would never run. */
function checkOrder(stack: readonly Middleware[]): void {
  const at = stack.findIndex((one, index) => terminalOf(one) !== undefined && index < stack.length - 1);
  const name = stack[at] === undefined ? undefined : terminalOf(stack[at])?.name;
  if (name === undefined) return;
  const below = stack[at + 1]?.name || `#${at + 2}`;
  throw new SluiceError(
    'invalid_options',
    `middleware[${at}] ("${name}") makes the model call, so "${below}" below it would never run: put it last.`,
  );
}

import { SluiceError } from '../../../src/index.ts';
import type {
  ExecutionContext,
  Message,
  ModelRequest,
  Next,
  Parameters,
  Reply,
  Stream,
  StreamChunk,
  ToolChoice,
  ToolDefinition,
  RoundState,
} from '../../../src/index.ts';
import { answerOf, textOfResult } from '../../../src/kit/index.ts';
import { toolError } from '../calls/calls.ts';
import type { Offered } from '../calls/judge.ts';
import { ToolLimits } from '../limits.ts';
import { messagesOf } from './round.ts';
import type { ToolsSettings } from '../options.ts';
import type { RecordsKey } from './record.ts';
import type { Tool } from '../tool.ts';

/** What one `tools()` was made with, and its tools as they are in a round. */
export interface ToolSet {
  readonly settings: ToolsSettings;
  readonly byName: ReadonlyMap<string, Tool>;
  readonly definitions: readonly ToolDefinition[];
  /** Whether a call of some tool has to be approved. */
  readonly asksApproval: boolean;
  readonly key: RecordsKey;
  /** Names of tools of sources that are not offered, because another tool has the name. */
  readonly leftOut: readonly string[];
  /** What sources say is wrong with their lists. */
  readonly warnings: readonly string[];
  /** Whether tools come and go. */
  readonly mayChange: boolean;
}

/** A round that the model was asked for. */
export interface Asked {
  readonly round: number;
  readonly stream: Stream<StreamChunk, Reply>;
  readonly offered: Offered;
  /** Whether the model may call tools. */
  readonly mayCall: boolean;
}

const NO_NAMES: ReadonlySet<string> = new Set();
const NO_TOOLS: ReadonlyMap<string, Tool> = new Map();

/** Asks the model, round after round. */
export class Asking {
  readonly #context: ExecutionContext;
  readonly #next: Next;
  #set: ToolSet;
  /** The names of the tools that the caller runs itself. */
  readonly #callers: ReadonlySet<string>;
  readonly #maxRounds: number;
  readonly #offersOwn: boolean;

  constructor(context: ExecutionContext, next: Next, set: ToolSet) {
    this.#context = context;
    this.#next = next;
    this.#set = set;
    this.#callers = callersTools(context.request, set.byName);
    const { maxRounds = Number.POSITIVE_INFINITY, ownTools = true } = context.get(ToolLimits) ?? {};
    this.#maxRounds = Math.min(set.settings.maxRounds, maxRounds);
    this.#offersOwn = ownTools;
  }

  /** From here on these are the tools. */
  use(set: ToolSet): void {
    this.#set = set;
  }

  /** Starts the next round. Throws if there have been too many and they are an error. */
  ask(rounds: readonly RoundState[]): Asked {
    const { request } = this.#context;
    const { settings } = this.#set;
    const round = rounds.length;
    const isLast = round >= this.#maxRounds;
    if (isLast && settings.onMaxRounds === 'fail')
      throw toolError(
        `tools(): the model still called tools in round ${round}, the last that may: see maxRounds.`,
      );
    const messages = round === 0 ? request.messages : [...request.messages, ...rounds.flatMap(messagesOf)];
    const ours = this.#active(round, messages);
    const parameters = this.#parameters(round, isLast);
    const stream = this.#next({
      tools: this.#definitions(ours),
      ...(round > 0 && { messages }),
      ...(parameters !== undefined && { parameters }),
    });
    const { toolChoice } = parameters ?? request.parameters;
    return { round, stream, offered: this.#offered(ours, toolChoice), mayCall: toolChoice !== 'none' };
  }

  /** What a round offered that was recorded by an earlier run. */
  offeredIn(round: number, before: readonly RoundState[]): Offered {
    const messages = [...this.#context.request.messages, ...before.flatMap(messagesOf)];
    const { toolChoice } = this.#parameters(round, false) ?? this.#context.request.parameters;
    return this.#offered(this.#active(round, messages), toolChoice);
  }

  isInterrupted(rounds: number): boolean {
    return rounds >= this.#maxRounds && this.#set.settings.onMaxRounds === 'interrupt';
  }

  /** Whether `stopWhen` says so. */
  stops({ reply: { round }, calls }: RoundState, reply: Reply): boolean {
    const { stopWhen } = this.#set.settings;
    if (stopWhen === undefined) return false;
    const finished = calls.flatMap(({ call, result }) => {
      if (result === undefined) return [];
      const { content, isError, outcome } = result;
      return [{ call, content: textOfResult(content), isError, outcome }];
    });
    return answerOf('tools(): stopWhen', () => stopWhen({ round, reply, calls: finished }));
  }

  #active(round: number, messages: readonly Message[]): ReadonlyMap<string, Tool> {
    const { byName, settings } = this.#set;
    if (!this.#offersOwn) return NO_TOOLS;
    const { active } = settings;
    if (active === undefined) return byName;
    const names: unknown = answerOf('tools(): active', () => active(this.#context, { round, messages }));
    if (!Array.isArray(names))
      throw new SluiceError('invalid_options', 'tools(): active returned no array of names.');
    const ours = new Map<string, Tool>();
    // In the order of the list, so that the provider's cache of the prompt holds.
    for (const [name, tool] of byName) if (names.includes(name)) ours.set(name, tool);
    const isUnknown = (name: unknown): boolean =>
      typeof name !== 'string' || !(byName.has(name) || this.#set.mayChange);
    const unknown: unknown = names.find(isUnknown);
    if (unknown === undefined) return ours;
    throw new SluiceError(
      'invalid_options',
      `tools(): active named ${JSON.stringify(unknown)}, which is not in the list.`,
    );
  }

  /** A forced choice of one tool offers no other, although the request has their definitions. Not every server obeys it. */
  #offered(ours: ReadonlyMap<string, Tool>, choice: ToolChoice | undefined): Offered {
    const callers = this.#callers;
    if (typeof choice !== 'object') return { ours, callers };
    const chosen = ours.get(choice.name);
    return {
      ours: new Map(chosen === undefined ? [] : [[choice.name, chosen]]),
      callers: callers.has(choice.name) ? callers : NO_NAMES,
    };
  }

  #definitions(ours: ReadonlyMap<string, Tool>): readonly ToolDefinition[] {
    const { definitions, byName } = this.#set;
    const mine = ours === byName ? definitions : definitions.filter(({ name }) => ours.has(name));
    const { tools } = this.#context.request;
    return tools === undefined || tools.length === 0 ? mine : [...tools, ...mine];
  }

  /** The parameters of a round, if they are others than those of the request. A forced tool choice holds for one round. */
  #parameters(round: number, isLast: boolean): Parameters | undefined {
    const { toolChoice: asked, ...rest } = this.#context.request.parameters;
    const { toolChoice: first = asked } = this.#set.settings;
    const later = asked === 'none' || asked === 'auto' ? asked : undefined;
    const toolChoice = isLast ? 'none' : round === 0 ? first : later;
    if (toolChoice === asked) return undefined;
    return toolChoice === undefined ? rest : { ...rest, toolChoice };
  }
}

function callersTools({ tools }: ModelRequest, byName: ReadonlyMap<string, Tool>): ReadonlySet<string> {
  if (tools === undefined || tools.length === 0) return NO_NAMES;
  const names = new Set(tools.map(({ name }) => name));
  for (const name of names) {
    if (!byName.has(name)) continue;
    throw new SluiceError(
      'invalid_options',
      `tools(): the request has a tool ${name}, too: rename one of the two.`,
    );
  }
  return names;
}

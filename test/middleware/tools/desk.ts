import { MemoryStore, Pipeline, decide } from 'sluice';
import type {
  DecisionsByCall,
  ExecutionOptions,
  Input,
  Message,
  Middleware,
  OpenTurn,
  PendingCall,
  SessionKey,
  StateStore,
} from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import type { InputSchema, Tool, ToolOptions, ToolRun, ToolsOptions } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import * as z from 'zod';
import { ForwardingStore } from '../../support/forwarding-store.ts';
import { placeOf } from './stage.ts';
import { readTurn } from './turns.ts';
import type { Run as Turn } from './turns.ts';

export const KEY: SessionKey = { owner: 'alice', id: 's' };

export type { Run as Turn } from './turns.ts';

/** What a turn is run with. */
export interface TurnSetup {
  answers?: ScriptedAnswer[];
  options?: ExecutionOptions;
  key?: SessionKey;
  /** Layers above `tools()`. */
  above?: Middleware[];
  toolsOptions?: ToolsOptions;
}

/** One store, over which each turn runs in a pipeline of its own, as in another process. */
export class Desk {
  readonly store: StateStore;

  constructor(store: StateStore = new MemoryStore()) {
    this.store = store;
  }

  async turn(list: Tool[], input: Input | string, setup: TurnSetup = {}): Promise<Turn> {
    const { answers = ['done'], options = {}, key = KEY, above = [], toolsOptions } = setup;
    const model = scripted(answers);
    const layers = [...above, tools(list, toolsOptions), provider(model)];
    // Another object, so that the turns of two pipelines do not wait for each other in one queue.
    const pipeline = new Pipeline(layers, { store: new ForwardingStore(this.store) });
    const asked: Input = typeof input === 'string' ? { role: 'user', content: input } : input;
    const stream = pipeline.executeStreamWithContext(key, asked, options);
    return { ...(await readTurn(stream)), model };
  }

  /** Decides on calls, named by round and place, such as `0_0`. */
  async decide(list: Tool[], on: DecisionsByCall, setup: TurnSetup & { message?: Message | string } = {}) {
    const { message, ...rest } = setup;
    const ids = await this.idsByPlace(setup.key);
    const named = Object.entries(on).map(([place, one]) => [ids.get(place) ?? place, one] as const);
    return this.turn(
      list,
      decide(Object.fromEntries(named), { ...(message !== undefined && { message }) }),
      rest,
    );
  }

  /** What the open turn has. */
  async open(key = KEY): Promise<OpenTurn | undefined> {
    return (
      await new Pipeline([provider(scripted([]))], { store: this.store }).store.load(key, { open: true })
    )?.openTurn;
  }

  async pending(): Promise<PendingCall[]> {
    return (await this.open())?.pending ?? [];
  }

  /** The ids of calls by round and place, as the session has them now. */
  async idsByPlace(key = KEY): Promise<Map<string, string>> {
    const state = await this.store.load(key);
    const messages = [...(state?.messages ?? []), ...((await this.open(key))?.messages ?? [])];
    const ids = messages.flatMap(({ content }) =>
      typeof content === 'string'
        ? []
        : content.flatMap((part) => (part.type === 'tool_call' ? [part.id] : [])),
    );
    return new Map(ids.map((id) => [placeOf(id), id]));
  }

  async roles(): Promise<string[]> {
    return ((await this.store.load(KEY))?.messages ?? []).map(({ role, partial }) =>
      partial ? `${role}*` : role,
    );
  }

  /** All that a refusal must not change. */
  async snapshot(): Promise<unknown> {
    const state = await this.store.load(KEY);
    const steps = state?.open === undefined ? [] : await this.store.steps(KEY, state.open);
    return [state?.version, state?.messages, state?.metadata, state?.usage, steps];
  }
}

/** A tool that keeps its runs. */
export function kept(name: string, more: Partial<ToolOptions<InputSchema, unknown>> = {}) {
  const runs: { input: unknown; run: ToolRun }[] = [];
  const made = tool({
    name,
    description: `Does ${name}`,
    input: z.object({ amount: z.number().default(1) }),
    execute: (input, run) => {
      runs.push({ input, run });
      return `${name} ${JSON.stringify(input)}`;
    },
    ...more,
  });
  return { made, runs };
}

/** The same, and each call has to be approved. */
export const guarded = (name = 'pay', more: Parameters<typeof kept>[1] = {}): ReturnType<typeof kept> =>
  kept(name, { needsApproval: true, ...more });

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import type { Message, StateStore } from 'sluice';
import { provider } from 'sluice/middleware';
import { sqliteStore } from 'sluice/stores/sqlite';
import { scripted } from 'sluice/testing';
import type { ScriptedProvider } from 'sluice/testing';
import { failureOf } from '../core/harness.ts';
import { KEY, ended } from './branch-stage.ts';
import { seedOf } from './seed.ts';
import { branchesOf, byId, wayTo } from './store-model-ways.ts';
import type { Ways } from './store-model-ways.ts';

interface Act {
  op: 'say' | 'regenerate' | 'edit' | 'switch';
  /** Which message, by its place. */
  which: number;
  fails: boolean;
  /** How the turn is called, if it is sent twice. */
  twice: boolean;
}

const acts = fc.array(
  fc.record<Act>({
    op: fc.constantFrom('say', 'say', 'regenerate', 'edit', 'switch'),
    which: fc.nat(30),
    fails: fc.boolean(),
    twice: fc.boolean(),
  }),
  { maxLength: 14 },
);

/** A chat beside a simple model of it: a tree of messages, whose texts are unique. */
class Chat {
  readonly #store: StateStore;
  readonly #model: ScriptedProvider = scripted([]);
  readonly #pipeline: Pipeline;
  readonly #known: Ways = { messages: [], parents: new Map(), ids: new Map() };
  #count = 0;

  constructor(store: StateStore, historyLimit: number | undefined) {
    this.#store = store;
    const options = historyLimit === undefined ? {} : { historyLimit };
    this.#pipeline = new Pipeline([provider(this.#model)], { store, ...options });
  }

  async act({ op, which, fails, twice }: Act): Promise<void> {
    const known = this.#known;
    const text = `u${this.#count++}`;
    const users = known.messages.filter((one) => one.startsWith('u'));
    const all = [...known.parents.keys()];
    const to = all[which % all.length];
    const old = users[which % users.length];
    if (op === 'switch') {
      if (to === undefined) return;
      await this.#pipeline.switchTo(KEY, known.ids.get(to) ?? '');
      known.messages = wayTo(known, to);
    } else if (op === 'edit' && old !== undefined) {
      known.messages = wayTo(known, known.parents.get(old) ?? '');
      this.#add(text);
      const id = known.ids.get(old) ?? '';
      await this.#turn({ fails, twice }, (turn) => ended(this.#pipeline.edit(KEY, id, text, turn)));
    } else if (op === 'regenerate' && users.length > 0) {
      known.messages = wayTo(known, users.at(-1) ?? '');
      await this.#turn({ fails, twice }, (turn) => ended(this.#pipeline.regenerate(KEY, turn)));
    } else {
      this.#add(text);
      await this.#turn({ fails, twice }, (turn) =>
        this.#pipeline.executeWithContext(KEY, 'user', text, turn),
      );
    }
    await this.#compare();
  }

  /** Runs a turn. If it fails, and is sent twice, it is run again. */
  async #turn(
    { fails, twice }: { fails: boolean; twice: boolean },
    run: (turn: { turnId?: string }) => Promise<unknown>,
  ): Promise<void> {
    const reply = `a${this.#count++}`;
    const turn = twice ? { turnId: `t${this.#count}` } : {};
    const asked = this.#known.messages;
    const calls = this.#model.calls.length;
    if (fails) {
      this.#model.enqueue({ error: new SluiceError('invalid_request', 'No.') });
      expect((await failureOf(run(turn))).code).toBe('invalid_request');
    }
    if (!fails || twice) {
      this.#model.enqueue(reply);
      await run(turn);
      this.#add(reply);
    }
    // What is known is not asked again.
    if (twice) await run(turn);
    const sent = this.#model.requests.slice(calls).map(({ messages }) => textsOf(messages));
    expect(sent.map((texts) => texts.at(-1))).toEqual(sent.map(() => asked.at(-1)));
    for (const texts of sent) expect(asked.slice(-texts.length)).toEqual(texts);
    expect(sent).toHaveLength((fails ? 1 : 0) + (!fails || twice ? 1 : 0));
  }

  #add(text: string): void {
    this.#known.parents.set(text, this.#known.messages.at(-1) ?? '');
    this.#known.messages = [...this.#known.messages, text];
  }

  async #compare(): Promise<void> {
    const known = this.#known;
    const { messages = [], ids = [] } = (await this.#store.load(KEY, { ids: true })) ?? {};
    expect(textsOf(messages)).toEqual(known.messages);
    for (const [at, text] of known.messages.entries()) {
      expect([undefined, ids[at]]).toContain(known.ids.get(text));
      known.ids.set(text, ids[at] ?? '');
    }
    const branches = await this.#pipeline.branches(KEY);
    const found = branches.map(({ id, messageCount, isHead }) => ({ id, messageCount, isHead }));
    expect(found.sort(byId)).toEqual(branchesOf(known).sort(byId));
    for (const [text, id] of known.ids) {
      const way = await this.#store.load(KEY, { leaf: id });
      expect(textsOf(way?.messages ?? [])).toEqual(wayTo(known, text));
    }
  }
}

function textsOf(messages: readonly Message[]): string[] {
  return messages.map(({ content }) => String(content));
}

test.each<[string, () => StateStore, number]>([
  ['MemoryStore', () => new MemoryStore(), 150],
  ['sqliteStore', () => sqliteStore({ path: ':memory:' }), 30],
])(
  'whatever is said, regenerated, edited and selected in %s, the model is sent the way to its message, and nothing is lost',
  async (name, makeStore, numRuns) => {
    await fc.assert(
      fc.asyncProperty(acts, fc.constantFrom(undefined, 1, 3), async (list, historyLimit) => {
        await using store = makeStore();
        const chat = new Chat(store, historyLimit);
        for (const act of list) await chat.act(act);
      }),
      { numRuns, seed: seedOf(`branches of ${name}`) },
    );
  },
);

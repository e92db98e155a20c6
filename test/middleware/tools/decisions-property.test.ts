import fc from 'fast-check';
import { decide } from 'sluice';
import type { Decision, ToolCallPart } from 'sluice';
import { tool } from 'sluice/middleware/tools';
import type { Tool, ToolRun } from 'sluice/middleware/tools';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { seedOf } from '../../session/seed.ts';
import { Desk, KEY } from './desk.ts';
import type { Turn } from './desk.ts';
import { calling } from './stage.ts';

/** What somebody does while calls wait. The ids of decisions are few, so that some are sent again. */
const action = fc.record({
  by: fc.constantFrom('d0', 'd1', 'd2', 'd3'),
  picks: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 4 }),
  says: fc.constantFrom('approve', 'edit', 'deny', 'result', 'resend' as const),
  /** The process dies as soon as a tool runs. */
  dies: fc.boolean(),
});

const scenario = fc.record({
  kinds: fc.array(fc.constantFrom('free', 'guarded', 'client' as const), { minLength: 1, maxLength: 6 }),
  actions: fc.array(action, { maxLength: 7 }),
  maxParallel: fc.integer({ min: 1, max: 3 }),
});

const SAYS: Readonly<Record<string, Decision>> = {
  approve: { approve: true },
  edit: { approve: true, arguments: { n: 100 } },
  deny: { deny: 'No.' },
  result: { result: 'given' },
};

/** One session, whose turn `t` makes a call of each kind. */
class Session {
  readonly desk = new Desk();
  readonly runs: { callId: string; input: unknown; by: string | undefined }[] = [];
  /** The decisions that were taken: `id of the decision id of the call`, and what they said. */
  readonly taken = new Map<string, string>();
  stop: AbortController | undefined;
  readonly list: Tool[];
  readonly #maxParallel: number;

  constructor(maxParallel: number) {
    this.#maxParallel = maxParallel;
    const input = z.object({ n: z.number() });
    const execute = (given: unknown, run: ToolRun): Promise<string> => this.#run(given, run);
    const options = { description: 'Works', input };
    this.list = [
      tool({ ...options, name: 'free', execute }),
      tool({ ...options, name: 'guarded', execute, needsApproval: true }),
      tool({ ...options, name: 'client' }),
    ];
  }

  #run(input: unknown, { callId, signal, approval }: ToolRun): Promise<string> {
    this.runs.push({ callId, input, by: approval?.by });
    this.stop?.abort();
    return signal.aborted ? Promise.reject(new Error('Stopped.')) : Promise.resolve(`done ${callId}`);
  }

  async turn(
    input: Parameters<Desk['turn']>[1],
    turnId: string,
    { dies = false, calls = [] as string[] } = {},
  ) {
    this.stop = dies ? new AbortController() : undefined;
    const signal = this.stop?.signal;
    return this.desk.turn(this.list, input, {
      answers:
        calls.length > 0
          ? [calling(...calls.map((name, n): [string, unknown] => [name, { n }])), 'done']
          : ['done'],
      options: { turnId, ...(signal && { signal }) },
      toolsOptions: { maxParallel: this.#maxParallel },
    });
  }

  /** Decides, and checks that a refusal has changed nothing. */
  async decide(on: Record<string, Decision>, by: string, dies = false): Promise<Turn> {
    const before = await this.desk.snapshot();
    const turn = await this.turn(decide(on), by, { dies });
    const code = turn.error?.code;
    if (code === 'conflict' || code === 'invalid_request') {
      expect(await this.desk.snapshot()).toEqual(before);
      return turn;
    }
    // Sent again under the same id it changes nothing. After the end of the turn only its kind is compared.
    for (const [callId, decision] of Object.entries(on)) {
      const key = `${by} ${callId}`;
      if (!this.taken.has(key)) this.taken.set(key, JSON.stringify(decision));
    }
    return turn;
  }

  /** Brings the turn to its end, and gives the calls and results of its messages. */
  async finish(): Promise<{ calls: string[]; results: { id: string; content: unknown }[] }> {
    for (let tries = 0; (await this.desk.store.load(KEY))?.open !== undefined && tries < 30; tries++) {
      const pending = await this.desk.pending();
      const on = Object.fromEntries(
        pending.map(({ callId, waitsFor }): [string, Decision] => [
          callId,
          waitsFor === 'client' ? { result: 'given' } : { approve: true },
        ]),
      );
      if (pending.length > 0) await this.decide(on, `last ${tries}`);
      else await this.turn('Go.', 't');
    }
    const parts = ((await this.desk.store.load(KEY))?.messages ?? []).flatMap(({ content }) =>
      typeof content === 'string' ? [] : content,
    );
    return {
      calls: parts.filter((part): part is ToolCallPart => part.type === 'tool_call').map(({ id }) => id),
      results: parts.flatMap((part) => (part.type === 'tool_result' ? [part] : [])),
    };
  }
}

test('R61 whatever is decided and whoever dies, each call has one result, and runs only as often as somebody has said', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ kinds, actions, maxParallel }) => {
      const session = new Session(maxParallel);
      const ids: string[] = [];
      await session.turn('Go.', 't', { calls: kinds });
      const [reply] =
        (await session.desk.open())?.messages ??
        (await session.desk.store.load(KEY))?.messages.slice(1) ??
        [];
      for (const part of typeof reply?.content === 'object' ? reply.content : [])
        if (part.type === 'tool_call') ids.push(part.id);
      for (const { by, picks, says, dies } of actions) {
        const asked = picks.flatMap((at) => ids[at] ?? []);
        const said = SAYS[says];
        if (said === undefined || asked.length === 0) await session.turn('Go.', 't', { dies });
        else await session.decide(Object.fromEntries(asked.map((id) => [id, said])), by, dies);
      }
      const { calls, results } = await session.finish();
      expect(calls).toEqual(ids);
      expect(results.map(({ id }) => id)).toEqual(ids);

      const edits = new Set(
        [...session.taken]
          .filter(([, said]) => said.includes('arguments'))
          .map(([key]) => key.split(' ').at(-1)),
      );
      const approvals = new Set<string>();
      for (const [at, id] of ids.entries()) {
        const runs = session.runs.filter(({ callId }) => callId === id);
        const free = kinds[at] === 'free' ? 1 : 0;
        const approved = runs.filter((run) => run.by !== undefined);
        expect(runs.length - approved.length).toBeLessThanOrEqual(free);
        for (const { by = '', input } of approved) {
          const said = session.taken.get(`${by} ${id}`) ?? '';
          expect(said).toMatch(/^{"approve":true/);
          expect(input).toEqual({ n: edits.has(id) ? 100 : at });
          // A decision is used once.
          expect(approvals.has(`${by} ${id}`)).toBe(false);
          approvals.add(`${by} ${id}`);
        }
      }
    }),
    { numRuns: 60, seed: seedOf('decisions') },
  );
});

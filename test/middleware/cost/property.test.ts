import * as fc from 'fast-check';
import { Pipeline, SluiceError, Stream, end, terminal } from 'sluice';
import type { Middleware, Reply, StreamChunk, Usage } from 'sluice';
import { constant, estimateInputTokens, estimateTokens } from 'sluice/kit';
import { cost } from 'sluice/middleware/cost';
import type { Budget, ModelPrices } from 'sluice/middleware/cost';
import { retry } from 'sluice/middleware/retry';
import { expect, test } from 'vitest';
import { usage } from '../models.ts';
import { remote } from '../cost-stage.ts';

/** US dollars a token. What the upstream charges, also for what the caller has no price for. */
const TRUE_PRICES: Record<string, Record<string, number>> = {
  cheap: { default: 1, flex: 1, gold: 3, secret: 20 },
  dear: { default: 5, flex: 5, gold: 15, secret: 100 },
  nameless: { default: 7, flex: 7, gold: 7, secret: 7 },
};
const EACH = { input: 1e6, output: 1e6 };
const times = (factor: number) => ({ input: EACH.input * factor, output: EACH.output * factor });
const PRICES: Record<string, ModelPrices> = {
  'up/cheap': { ...times(1), tiers: { flex: times(1), gold: times(3) } },
  'up/dear': { ...times(5), tiers: { flex: times(5), gold: times(15) } },
};

type Fault = 'none' | 'refused' | 'lost' | 'unsent' | 'broken' | 'late error';

/** What the upstream does at one call. */
interface Plan {
  /** Characters of each piece. */
  pieces: number[];
  /** The tier that it uses and tells. Undefined: the one that was asked for. */
  tier: string | undefined;
  fault: Fault;
  /** When it reports the usage: at each piece, at the end, or never. */
  reports: 'always' | 'end' | 'never';
}

interface Run {
  model: string;
  asks: string | undefined;
  /** After how many chunks its reader closes it. */
  closesAfter: number | undefined;
}

/** An upstream that knows what it has charged. It counts tokens as the estimate does: nobody can budget for what no one can count. */
class Upstream {
  chargedUsd = 0;
  /** By the id of the execution. */
  readonly chargedBy = new Map<string, number>();
  /** The most that one call was charged. */
  largestUsd = 0;
  readonly #plans: Plan[];
  readonly #pause: () => Promise<void>;

  constructor(plans: Plan[], pause: () => Promise<void>) {
    this.#plans = [...plans];
    this.#pause = pause;
  }

  readonly middleware: Middleware = terminal(
    { name: 'up', provider: 'up', model: 'cheap' },
    ({ id }, call) => {
      const plan = this.#plans.shift() ?? { pieces: [4], tier: undefined, fault: 'none', reports: 'end' };
      const asked = call.request.parameters.providerOptions?.['up']?.['service_tier'];
      const tier = plan.tier ?? (typeof asked === 'string' ? asked : 'default');
      const perToken = TRUE_PRICES[call.model ?? '']?.[tier] ?? 1_000;
      const inputTokens = estimateInputTokens(call.request);
      const rest = [...plan.pieces];
      let characters = 0;
      let chargedUsd = 0;
      let accepted = false;
      let closed = false;
      const used = (): Usage => usage(inputTokens, estimateTokens(characters));
      const charge = (): void => {
        const usd = used().totalTokens * perToken;
        this.chargedUsd += usd - chargedUsd;
        this.chargedBy.set(id, (this.chargedBy.get(id) ?? 0) + usd - chargedUsd);
        chargedUsd = usd;
        this.largestUsd = Math.max(this.largestUsd, usd);
      };
      const fail = (): never => {
        throw faultOf(plan.fault);
      };
      const pull = async (): Promise<readonly StreamChunk[] | ReturnType<typeof end<Reply>>> => {
        call.progress ??= 'sent';
        await this.#pause();
        // What it would make after its connection is closed, nobody could know.
        if (closed) return end({ finishReason: 'stop' });
        if (!accepted) {
          if (plan.fault === 'unsent') call.progress = 'unsent';
          if (plan.fault === 'unsent' || plan.fault === 'refused' || plan.fault === 'lost') return fail();
          call.progress = 'accepted';
          call.serviceTier = tier;
          accepted = true;
          charge();
          if (plan.fault === 'broken') return fail();
        }
        const size = rest.shift();
        if (size !== undefined) {
          characters += size;
          charge();
          if (plan.reports === 'always') call.usage = used();
          return [{ type: 'content', content: 'x'.repeat(size) }];
        }
        if (plan.fault === 'late error') return fail();
        const reported = plan.reports === 'never' ? {} : { usage: used() };
        return end({ finishReason: 'stop', serviceTier: tier, ...reported });
      };
      return Stream.fromSource<StreamChunk, Reply>({ pull, close: () => void (closed = true) });
    },
  );
}

function faultOf(fault: Fault): SluiceError {
  if (fault === 'refused') return new SluiceError('rate_limited', 'Later.', { status: 429 });
  if (fault === 'late error') return new SluiceError('truncated', 'Cut.');
  return new SluiceError('network', 'Gone.');
}

const plan: fc.Arbitrary<Plan> = fc.record({
  pieces: fc.array(fc.integer({ min: 1, max: 3_000 }), { maxLength: 4 }),
  tier: fc.constantFrom(undefined, 'default', 'flex', 'gold', 'secret', 'secret', 'secret'),
  fault: fc.constantFrom<Fault>('none', 'none', 'none', 'refused', 'lost', 'unsent', 'broken', 'late error'),
  reports: fc.constantFrom('always', 'end', 'never'),
});

const oneRun: fc.Arbitrary<Run> = fc.record({
  model: fc.constantFrom('cheap', 'dear', 'cheap', 'dear', 'nameless'),
  asks: fc.constantFrom(undefined, undefined, undefined, 'default', 'flex', 'gold', 'secret'),
  closesAfter: fc.option(fc.nat(5), { nil: undefined, freq: 3 }),
});

/** Reads an execution, or closes it on the way. */
async function read(pipeline: Pipeline, { model, asks, closesAfter }: Run): Promise<void> {
  const parameters = asks === undefined ? {} : { providerOptions: { up: { service_tier: asks } } };
  const stream = pipeline.executeStream('user', 'Hi', { model, parameters });
  try {
    for (let chunks = 0; chunks !== closesAfter; chunks++) if ((await stream.next()).done === true) break;
  } catch {
    // A fault of the upstream, or the budget.
  }
  await stream.close();
}

test('R39 R50 what a budget lets through is at most the budget and one call a running execution, at the price that was charged', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        budgetUsd: fc.integer({ min: 0, max: 50_000 }),
        per: fc.constantFrom<Budget['per']>('day', 'month', 'execution'),
        atOnce: fc.integer({ min: 1, max: 4 }),
        isRemote: fc.boolean(),
        reserve: fc.constantFrom(0, 10, 1_000),
      }),
      fc.array(oneRun, { minLength: 1, maxLength: 12 }),
      fc.array(plan, { minLength: 1, maxLength: 30 }),
      fc.scheduler(),
      async ({ budgetUsd, per, atOnce, isRemote, reserve }, runs, plans, scheduler) => {
        const upstream = new Upstream(plans, () => scheduler.schedule(Promise.resolve()));
        const budgets: Budget[] = [{ usd: budgetUsd, per }];
        const settings = { prices: PRICES, budgets, reserveOutputTokens: reserve };
        const priced = cost({ ...settings, ...(isRemote && { ledger: remote() }) });
        const again = retry({ maxRetries: 2, backoff: constant(0), afterContent: 'reset' });
        const pipeline = new Pipeline([priced, again, upstream.middleware], { executionTimeoutMs: 0 });
        const waiting = [...runs];
        const worker = async (): Promise<void> => {
          for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
            await read(pipeline, next);
        };
        await scheduler.waitFor(Promise.all(Array.from({ length: atOnce }, worker)));
        if (per === 'execution') {
          for (const usd of upstream.chargedBy.values())
            expect(usd).toBeLessThanOrEqual(budgetUsd + upstream.largestUsd + 1e-6);
          return;
        }
        expect(upstream.chargedUsd).toBeLessThanOrEqual(budgetUsd + atOnce * upstream.largestUsd + 1e-6);
      },
    ),
    { numRuns: 400 },
  );
});

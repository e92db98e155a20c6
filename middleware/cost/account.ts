import type {
  Call,
  CallEnd,
  CallObserver,
  Cost,
  ExecutionContext,
  Reply,
  StreamChunk,
  Tap,
  Usage,
} from '../../src/index.ts';
import { answerOf, callListener } from '../../src/kit/index.ts';
import { CallBudgets, type CallHold, type Counters } from './budget/call-budgets.ts';
import type { CostSettings } from './options.ts';
import { CallPrice, type Prices } from './price/call-price.ts';
import type { Priced } from './price/price-table.ts';

/** What the executions of one `cost()` share. */
export interface Accounting extends Prices, Counters {
  settings: CostSettings;
}

/** Counts what one execution spends: the tap of `cost()` on it. */
export class Account implements Tap<StreamChunk, Reply> {
  readonly #context: ExecutionContext;
  readonly #accounting: Accounting;
  readonly #key: string;
  readonly #budgets: CallBudgets | undefined;
  /** The number of the last call that it has counted. Numbers rise; a call comes twice if the same middleware is in the stack twice. */
  #lastCall = 0;

  constructor(context: ExecutionContext, accounting: Accounting) {
    const { settings } = accounting;
    const { key: keyOf = () => '' } = settings;
    this.#context = context;
    this.#accounting = accounting;
    this.#key = answerOf('cost(): key', () => keyOf(context), 'string');
    if (settings.budgets.length > 0)
      this.#budgets = new CallBudgets(context, settings, accounting, this.#key);
  }

  call(call: Call): CallObserver | undefined {
    if (call.number <= this.#lastCall) return undefined;
    this.#lastCall = call.number;
    const price = new CallPrice(this.#context, this.#accounting, call);
    return new CountedCall(this, call, price, this.#budgets?.hold(call, price));
  }

  /** A call has ended. */
  tell(call: Call, usage: Usage, { cost }: Priced): void {
    const { onCost } = this.#accounting.settings;
    if (onCost === undefined) return;
    const { provider, model } = call;
    const names = { provider, model, executionId: this.#context.id, key: this.#key };
    callListener(this.#context, 'cost: onCost', () => onCost({ cost, usage, call, ...names }));
  }
}

/** Prices one call. */
class CountedCall implements CallObserver {
  readonly #account: Account;
  readonly #call: Call;
  readonly #price: CallPrice;
  readonly #hold: CallHold | undefined;

  constructor(account: Account, call: Call, price: CallPrice, hold: CallHold | undefined) {
    this.#account = account;
    this.#call = call;
    this.#price = price;
    this.#hold = hold;
  }

  /** Only a call that budgets watch has to wait for something. */
  get ready(): Promise<void> | undefined {
    return this.#hold?.ready;
  }

  /** Only budgets see chunks. */
  get chunk(): (() => void) | undefined {
    return this.#hold?.chunk;
  }

  cost(usage: Usage): Cost {
    return this.#price.soFar(usage);
  }

  end({ usage }: CallEnd): void {
    const priced = this.#price.settle(usage);
    this.#hold?.settle(priced);
    this.#account.tell(this.#call, usage, priced);
  }
}

import { callsOf } from '../../kit/messages.ts';
import type { Message, ToolCallPart } from '../../messages.ts';
import type { PendingCall } from '../../pending-call.ts';
import type { Approve, CutStep, Decision, ReplyStep, ResultStep, Step } from './step.ts';

/** What the steps say of one tool call. */
export interface CallState {
  readonly call: ToolCallPart;
  /** The round in whose reply the call is. */
  readonly round: number;
  /** Whether it has begun. After a decision it begins anew: then it is false again. */
  started: boolean;
  /** How it has waited for a decision last. */
  waited: PendingCall | undefined;
  /** The newest decision about it. */
  decision: Decision | undefined;
  /** The newest decision that gave it other arguments. It runs with these, also if it is run again. */
  edit: Approve | undefined;
  /** Its first result. */
  result: ResultStep | undefined;
}

/** What the steps say of one round: the reply of the model, and its calls in their order. */
export interface RoundState {
  readonly reply: ReplyStep;
  readonly calls: readonly CallState[];
  /** What the user said while its calls waited. */
  readonly said: readonly Message[];
}

/**
 * What the steps of a turn add up to. It takes each step once, so that it can follow a turn that goes on.
 *
 * It is that of one loop: the turn's own, or with a `path` that of an inner one. Of other loops it takes only decisions.
 */
export class Ledger {
  readonly path: string | undefined;
  readonly rounds: (RoundState & { readonly said: Message[] })[] = [];
  /** By the ids of the calls. Without those that the provider has run itself. */
  readonly calls = new Map<string, CallState>();
  /** The ids of the decisions, by the ids of their calls. */
  readonly decided = new Map<string, string>();
  /** The end of the last run, if it was cut short and nothing was recorded since. It keeps the newest text that had come. */
  cut: CutStep | undefined;
  readonly #pending = new Map<string, PendingCall>();

  constructor(path?: string) {
    this.path = path;
  }

  /** The calls that wait for a decision, in the order in which they were recorded. */
  get pending(): PendingCall[] {
    return [...this.#pending.values()];
  }

  /** Takes the steps that come after those it has taken before. */
  add(steps: Iterable<{ readonly step: Step }>): void {
    for (const { step } of steps) this.#take(step);
  }

  #take(step: Step): void {
    const { cut } = this;
    this.cut = undefined;
    if (step.kind === 'decision') this.#decide(step.callId, step.by, step.decision);
    else if (step.path === this.path) this.#takeOwn(step, cut);
  }

  #takeOwn(step: Exclude<Step, { kind: 'decision' }>, cut: CutStep | undefined): void {
    switch (step.kind) {
      case 'reply':
        this.#begin(step);
        break;
      case 'started': {
        const call = this.calls.get(step.callId);
        if (call !== undefined) call.started = true;
        break;
      }
      case 'result': {
        if (step.late === true) break;
        const call = this.calls.get(step.callId);
        if (call !== undefined) call.result ??= step;
        this.#pending.delete(step.callId);
        break;
      }
      case 'wait':
        this.#wait(step.pending);
        break;
      case 'message':
        this.rounds.at(-1)?.said.push(step.message);
        break;
      case 'cut':
        this.cut = step.message === undefined && cut !== undefined ? { ...step, message: cut.message } : step;
        break;
    }
  }

  #begin(reply: ReplyStep): void {
    const calls = callsOf(reply.message).map((call): CallState => ({
      call,
      round: reply.round,
      started: reply.starts.includes(call.id),
      waited: undefined,
      decision: undefined,
      edit: undefined,
      result: undefined,
    }));
    for (const state of calls) this.calls.set(state.call.id, state);
    this.rounds.push({ reply, calls, said: [] });
    this.#wait(reply.waits ?? []);
  }

  #wait(pending: readonly PendingCall[]): void {
    this.#pending.clear();
    for (const call of pending) {
      this.#pending.set(call.callId, call);
      const state = this.calls.get(call.callId);
      if (state !== undefined) state.waited = call;
    }
  }

  #decide(callId: string, by: string, decision: Decision): void {
    this.decided.set(callId, by);
    this.#pending.delete(callId);
    const call = this.calls.get(callId);
    if (call === undefined) return;
    call.decision = decision;
    if ('approve' in decision && decision.arguments !== undefined) call.edit = decision;
    call.started = false;
  }
}

/**
 * What the steps of a turn add up to: its rounds, its calls, those that wait, who decided what, and whether it was cut short. `path`: of an inner loop.
 *
 * @example
 * const ledger = ledgerOf(await store.steps(key, turnId));
 * for (const { callId, name } of ledger.pending) console.log(callId, name);
 */
export function ledgerOf(list: Iterable<{ readonly step: Step }>, path?: string): Ledger {
  const ledger = new Ledger(path);
  ledger.add(list);
  return ledger;
}

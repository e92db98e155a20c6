import type { Message } from '../../messages.ts';
import type { PendingCall } from '../../pending-call.ts';
import { ledgerOf } from '../steps/ledger.ts';
import { messagesOf } from '../steps/settled-messages.ts';
import type { StoredStep } from '../steps/step.ts';
import type { LoadOptions, SessionKey, SessionState, StateStore } from './store.ts';

/** An open turn, as a user interface shows it. */
export interface OpenTurn {
  turnId: string;
  /**
   * What has come of the reply so far, besides the input, which is among the messages of the session: replies of the model, and the results that are there. They are not
   * input for a model: a call may have no result yet.
   */
  messages: Message[];
  /** The calls that wait for a decision. */
  pending: PendingCall[];
}

/** A session with its open turn. */
export interface OpenSession extends SessionState {
  /** With the option `open`: what the turn has that `open` names. */
  openTurn?: OpenTurn;
}

/** The store of a pipeline. Each call has a deadline. */
export interface PipelineStore extends StateStore {
  /** As in {@link StateStore}. `open`: also reads what an open turn has so far, at the cost of one more call if there is one. */
  load(
    key: SessionKey,
    options?: LoadOptions & { open?: boolean | undefined },
  ): Promise<OpenSession | undefined>;
}

/** How often a session is loaded again because its turn has ended in between. */
const TRIES = 5;

/** Loads a session with what its open turn has. */
export async function loadOpen(
  load: () => Promise<SessionState | undefined>,
  stepsOf: (turnId: string) => Promise<StoredStep[]>,
): Promise<OpenSession | undefined> {
  for (let tries = 1; ; tries++) {
    const state = await load();
    if (state?.open === undefined) return state;
    const steps = await stepsOf(state.open);
    if (steps.length > 0) return { ...state, openTurn: openTurnOf(state.open, steps) };
    // The turn has ended since, and its messages are in the session now.
    if (tries === TRIES) return state;
  }
}

function openTurnOf(turnId: string, steps: readonly StoredStep[]): OpenTurn {
  const ledger = ledgerOf(steps);
  return { turnId, messages: messagesOf(ledger, ({ result }) => result), pending: ledger.pending };
}

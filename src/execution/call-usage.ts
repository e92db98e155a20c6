import type { Call } from '../call.ts';
import { checkedUsage } from '../checked-usage.ts';
import type { SluiceError } from '../errors.ts';
import { kindOfThrown } from '../kit/thrown.ts';
import type { Reply } from '../request.ts';
import { estimateInputTokens, estimateTokens } from '../tokens.ts';
import { noUsage } from '../usage.ts';
import type { Usage } from '../usage.ts';

/** How a call ended, as far as its usage depends on it. */
interface Ending {
  reply?: Reply | undefined;
  error?: SluiceError | undefined;
}

/** What it needs of its call. */
interface CallOfUsage extends Call {
  warn(message: string): void;
}

/** The usage of one call: what its provider reports, checked, and an estimate of what it does not report. */
export class CallUsage {
  readonly #call: CallOfUsage;
  #reported: Usage | undefined;
  #inputEstimate: number | undefined;

  constructor(call: CallOfUsage) {
    this.#call = call;
  }

  /** What the provider has reported so far. */
  get reported(): Usage | undefined {
    return this.#reported;
  }

  report(given: Usage | undefined): void {
    this.#reported = given === undefined ? undefined : this.#checked(given);
  }

  /** The usage so far, of a call that still runs. */
  soFar(hasAnswered: boolean): Usage {
    const reported = this.#reported;
    if (reported === undefined && !hasAnswered) return noUsage();
    return this.#estimated(reported);
  }

  /**
   * The usage of a call that has ended: what the provider reported. What it did not report is estimated, and marked as an estimate. A report of
   * 0 for an answer that came does not count. `hasAnswered`: a part of an answer came.
   */
  settle({ reply, error }: Ending, hasAnswered: boolean): Usage {
    if (reply?.usage !== undefined) return this.#complete(this.#checked(reply.usage), hasAnswered);
    const { progress } = this.#call;
    if (progress === 'unsent') return noUsage();
    if (this.#reported === undefined && !hasAnswered && progress !== 'accepted') {
      // Refused before any token was made. No provider bills that.
      if (error?.status !== undefined) return noUsage();
      // No answer came, so most likely the model never ran.
      if (error?.code === 'network' && progress === undefined) return { ...noUsage(), estimated: true };
    }
    return this.#estimated(this.#reported);
  }

  /** What a reply reports, unless an answer came and the counts are 0. */
  #complete(usage: Usage, hasAnswered: boolean): Usage {
    const { outputCharacters, progress } = this.#call;
    const isSilent = usage.outputTokens === 0 && outputCharacters > 0;
    const isEmpty = usage.totalTokens === 0 && (hasAnswered || progress === 'accepted');
    return isSilent || isEmpty || usage.estimated === true ? this.#estimated(usage) : usage;
  }

  #estimated(reported: Usage | undefined): Usage {
    const said = reported?.inputTokens ?? 0;
    const inputTokens = said > 0 ? said : this.#inputTokens();
    const written = estimateTokens(this.#call.outputCharacters);
    const outputTokens = Math.max(reported?.outputTokens ?? 0, written);
    const totalTokens = inputTokens + outputTokens;
    return { ...(reported ?? noUsage()), inputTokens, outputTokens, totalTokens, estimated: true };
  }

  #checked(given: Usage): Usage {
    if (given === this.#reported) return given;
    const checked = checkedUsage(given);
    const { number } = this.#call;
    if (checked === undefined) {
      this.#call.warn(`The usage of call ${number} is not an object, so its tokens were estimated.`);
      return this.#estimated(undefined);
    }
    const { usage, wrong, inputMissing, outputMissing } = checked;
    if (wrong.length > 0)
      this.#call.warn(`The usage of call ${number} is estimated, because ${wrong.join(', ')}.`);
    return inputMissing || outputMissing ? this.#estimated(usage) : usage;
  }

  /** A request that cannot be estimated becomes a warning, so that the end is not lost. */
  #inputTokens(): number {
    try {
      this.#inputEstimate ??= estimateInputTokens(this.#call.request);
    } catch (thrown) {
      this.#inputEstimate = 0;
      this.#call.warn(
        `The tokens of call ${this.#call.number} could not be estimated (${kindOfThrown(thrown)}).`,
      );
    }
    return this.#inputEstimate;
  }
}

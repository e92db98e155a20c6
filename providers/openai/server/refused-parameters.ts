/** The parameters of a request that an OpenAI model refuses. */
export interface RefusedParameters {
  /** `temperature` and `topP`. */
  sampling: boolean;
  /** `frequencyPenalty` and `presencePenalty`. */
  penalties: boolean;
  /** `stopSequences`. */
  stop: boolean;
}

const NOTHING: RefusedParameters = { sampling: false, penalties: false, stop: false };

/** Models that reason, by name. The others refuse a request for encrypted reasoning. */
const REASONS = /^(?:ft:)?(?:o\d|gpt-(?:[5-9]|\d\d)(?!.*-chat)|gpt-oss|codex|computer-use|grok)/;

const O_SERIES = /^(?:ft:)?o(\d+)(?=$|[-:])/;
const GPT = /^(?:ft:)?gpt-(\d+)(?:\.(\d+))?(?=$|[-:])/;

/** Variants that reason in every call. */
const ALWAYS_REASONS = /-(?:codex|pro)(?=$|-)/;

/** Whether a model reasons, as far as its name says. */
export function reasons(model: string): boolean {
  return REASONS.test(model);
}

/**
 * The parameters that OpenAI refuses for a model with status 400, by the model's name. None if the name does not say which
 * model it is, such as that of an Azure deployment.
 *
 * Sources: developers.openai.com, the guides "Reasoning models", "Latest model" (temperature and top_p from GPT-5.1 on only
 * with effort `none`, which is the default of 5.1 to 5.4) and "Deployment checklist" (the same for GPT-6); the API
 * reference of `stop` ("not supported with latest reasoning models o3 and o4-mini"). The penalties are refused at every
 * effort.
 */
export function refusedParameters(model: string, effort: string | undefined): RefusedParameters {
  const oSeries = O_SERIES.exec(model);
  if (oSeries !== null) {
    // o1 and o3-mini are older than the removal of the parameter.
    const takesStop = oSeries[1] === '1' || /^(?:ft:)?o3-mini/.test(model);
    return { sampling: true, penalties: true, stop: !takesStop };
  }
  const gpt = GPT.exec(model);
  const major = Number(gpt?.[1] ?? 0);
  if (major < 5 || model.includes('-chat')) return NOTHING;
  const minor = Number(gpt?.[2] ?? 0);
  const canSkip = (major > 5 || minor >= 1) && !ALWAYS_REASONS.test(model);
  const standard = major === 5 && minor <= 4 ? 'none' : 'medium';
  return { sampling: !(canSkip && (effort ?? standard) === 'none'), penalties: true, stop: true };
}

import { originOf } from '../../wire/index.ts';
import type { Origin } from '../../wire/index.ts';
import type { Settings } from '../options.ts';
import { thinkingBack, type ThinkingBack } from './thinking-back.ts';
import { expectsThinkTags, type ThinkTagsOption } from './think-tags.ts';

/** What the settings of a server and the name of a model imply. */
export interface ModelTraits {
  /** Where the blocks of its replies come from, and may go back to. */
  origin: Origin;
  /** Whether the text holds thinking in tags. */
  thinkTags: ThinkTagsOption;
  /** How the server wants thinking back. Undefined: it does not want it. */
  thinkingBack: ThinkingBack | undefined;
}

/** The traits of a model at the server of these settings. */
export function modelTraits(settings: Settings, wire: string, model: string): ModelTraits {
  return {
    origin: originOf(wire, model, settings.baseURL),
    thinkTags: expectsThinkTags(settings.thinkTags, { ...settings, model }),
    thinkingBack: thinkingBack(settings, model),
  };
}

import { originOf } from '../../wire/index.ts';
import type { Origin } from '../../wire/index.ts';
import type { Settings } from '../options.ts';
import { thinkingBack, type ThinkingBack } from './thinking-back.ts';
import { expectsThinkTags, type ThinkTagsOption } from './think-tags.ts';

/** What follows from a server's settings and the name of a model. */
export interface Known {
  /** Where its blocks come from, and go back to. */
  origin: Origin;
  /** Whether thinking stands in tags of the text. */
  thinkTags: ThinkTagsOption;
  /** How the server wants thinking back; undefined: not at all. */
  thinkingBack: ThinkingBack | undefined;
}

/** What is known of a model at the server of these settings. */
export function known(settings: Settings, wire: string, model: string): Known {
  return {
    origin: originOf(wire, model, settings.baseURL),
    thinkTags: expectsThinkTags(settings.thinkTags, { ...settings, model }),
    thinkingBack: thinkingBack(settings, model),
  };
}

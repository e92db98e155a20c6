import type { Usage } from '../../../src/index.ts';
import { mostUsage, providerOptionsOf } from '../../wire/index.ts';
import type { ReplyContext } from '../../wire/index.ts';
import type { ThinkTagsOption } from '../server/think-tags.ts';

/** What a decoder of one of OpenAI's two APIs knows of its call. */
export interface OpenAIReplyContext extends ReplyContext {
  /** Whether the text holds thinking in tags (chat). */
  thinkTags?: ThinkTagsOption | undefined;
}

/** The fields that the caller gave for this provider with the request. */
export function ownOptionsOf({ provider, call }: OpenAIReplyContext): Readonly<Record<string, unknown>> {
  return providerOptionsOf(call.call.request.parameters, provider);
}

/** Notes on the record of the call the usage so far. */
export function noteUsage({ call }: OpenAIReplyContext, usage: Usage | undefined): void {
  if (usage !== undefined) call.call.usage = mostUsage(call.call.usage, usage);
}

import type { Message } from '../../../src/index.ts';
import { pairedCalls } from '../../wire/index.ts';
import type { CallWire, IdRule } from '../../wire/index.ts';
import type { RequestContext } from './request-context.ts';

/** LiteLLM puts data into ids: Gemini's signatures, and the deployment that can read an item. */
export const CARRIES_DATA = /__thought__|^encitem_/;

/** Mistral's models, by name on any host. A server that runs one may be as strict as Mistral is. */
const MISTRAL = /(?:^|[/.])(?:open-)?(?:mistral|ministral|mixtral|pixtral|codestral|devstral|magistral)/i;

/** Whether an id holds data and so goes back unchanged. That is never the case at OpenAI. */
export function carriesData({ settings }: RequestContext, id: string): boolean {
  return !settings.isOpenAI && CARRIES_DATA.test(id);
}

/** An id if it holds data of the server. */
export function dataIn(context: RequestContext, id: string | undefined): string | undefined {
  return id !== undefined && carriesData(context, id) ? id : undefined;
}

/** What the two APIs differ in. */
type Wire = Pick<CallWire, 'ownId' | 'serverId' | 'hasEarlier'> & { maxLength: number };

/**
 * The messages, with ids of tool calls that the server takes.
 * Source for Mistral: its error "Tool call id was ... but must be a-z, A-Z, 0-9, with a length of 9".
 */
export function pairedMessages(context: RequestContext, { maxLength, ...wire }: Wire): readonly Message[] {
  const { settings, request } = context;
  const { messages, tools, model = settings.model } = request;
  const isMistral = settings.name === 'mistral' || MISTRAL.test(model);
  const rule: IdRule = isMistral
    ? { maxLength: 9, exact: true }
    : { maxLength, ...(!settings.isOpenAI && { carriesData: CARRIES_DATA }) };
  return pairedCalls(messages, { rule, ...wire, tools, unsupported: context.unsupported });
}

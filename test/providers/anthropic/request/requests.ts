import { wireRequest, type RequestSettings } from '../../../../providers/anthropic/request/request.ts';
import { originOf } from '../../../../providers/wire/index.ts';
import type { Message, ModelRequest, Parameters } from '../../../../src/index.ts';
import { ask, fakeCall } from '../support.ts';

/** A model that takes budgets and sampling parameters. */
export const OLD = 'claude-sonnet-4-5';
/** A model that thinks adaptively, always, and samples by itself. */
export const NEW = 'claude-opus-5-5';

const SETTINGS: RequestSettings = {
  name: 'anthropic',
  model: OLD,
  stream: true,
  maxTokens: undefined,
  budgetTokens: undefined,
  betas: [],
  headers: {},
  strict: false,
};

/** The request to send, and the warnings. */
export function built(request: ModelRequest, settings: Partial<RequestSettings> = {}) {
  const call = fakeCall(request);
  return {
    ...wireRequest(
      request,
      { ...SETTINGS, ...settings },
      originOf('anthropic', request.model ?? settings.model ?? OLD, 'https://api.anthropic.com'),
      call,
    ),
    warnings: call.warnings,
  };
}

/** The request of a question with these parameters. */
export function withParameters(parameters: Parameters, settings: Partial<RequestSettings> = {}) {
  return built(ask('Hi', { parameters }), settings);
}

/** The request of a conversation. */
export function messagesOf(messages: Message[]) {
  return built({ messages, parameters: {} });
}

/** A user's text as it is sent. */
export const user = (text: string) => ({ role: 'user', content: [{ type: 'text', text }] });
export const TOOL = { name: 'add', description: 'Adds.', parameters: { type: 'object', properties: {} } };

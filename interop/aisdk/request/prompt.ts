import type { Message, Part, TextPart } from '../../../src/index.ts';
import { leaveOut, nothingToSend, pairedCalls } from '../../../providers/wire/index.ts';
import type { IdRule } from '../../../providers/wire/index.ts';
import { assistantContent } from './assistant.ts';
import type { Json, PromptContext } from './context.ts';
import { filePart, isMedia } from './media.ts';
import { toolResult } from './results.ts';

/** What all services take as the id of a call. Mistral takes nothing but nine letters and digits. */
const ID_RULE: IdRule = { maxLength: 64, forbidden: /[^a-zA-Z0-9_-]/g };
const MISTRAL_RULE: IdRule = { maxLength: 9, exact: true };

/** Services whose packages refuse system messages after the first message of another role. Source: `convertToGoogleMessages` and its like. */
const SYSTEM_FIRST = /^(?:google|vertex|amazon-bedrock|bedrock|anthropic)/;

/** The messages of a request as a prompt of the AI SDK. Throws `invalid_request` if nothing can be sent. */
export function promptOf(context: PromptContext): Json[] {
  const { request, model, unsupported } = context;
  const { messages, tools } = request;
  const rule = model.provider.startsWith('mistral') ? MISTRAL_RULE : ID_RULE;
  const paired = pairedCalls(messages, {
    rule,
    // A call that the provider ran keeps the id of its part, in the call and in its result.
    ownId: (part) => ('providerExecuted' in part && part.providerExecuted === true ? part.id : undefined),
    serverId: () => undefined,
    tools,
    unsupported,
  });
  const prompt = new Prompt(SYSTEM_FIRST.test(model.provider));
  for (const message of paired) addMessage(context, message, prompt);
  const sent = prompt.messages;
  if (!sent.some(({ role }) => role !== 'system')) throw nothingToSend(context.settings.name, messages);
  return sent;
}

/** The messages of a prompt while it is made. */
class Prompt {
  readonly #hoists: boolean;
  readonly #system: Json[] = [];
  readonly #messages: Json[] = [];
  /** The results that answer the last reply, in one message after it. */
  #results: unknown[] | undefined;
  #afterReply = 0;

  constructor(hoists: boolean) {
    this.#hoists = hoists;
  }

  get messages(): Json[] {
    return [...this.#system, ...this.#messages];
  }

  system(content: string): void {
    const isLeading = this.#messages.length === 0;
    (isLeading || this.#hoists ? this.#system : this.#messages).push({ role: 'system', content });
  }

  reply(content: Json[]): void {
    this.#messages.push({ role: 'assistant', content });
    this.#results = undefined;
    this.#afterReply = this.#messages.length;
  }

  user(content: Json[]): void {
    this.#messages.push({ role: 'user', content });
  }

  /** Results stand right after the reply with their calls, whatever came in between. */
  result(content: Json): void {
    if (this.#results !== undefined) {
      this.#results.push(content);
      return;
    }
    this.#results = [content];
    this.#messages.splice(this.#afterReply, 0, { role: 'tool', content: this.#results });
  }
}

function addMessage(context: PromptContext, { role, content, name }: Message, prompt: Prompt): void {
  if (name !== undefined) context.unsupported('the name of a message cannot be sent, it is left out');
  const parts: readonly Part[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  switch (role) {
    case 'system': {
      const text = onlyText(context, parts);
      if (text !== '') prompt.system(text);
      return;
    }
    case 'assistant': {
      const reply = assistantContent(context, parts);
      if (reply.length > 0) prompt.reply(reply);
      return;
    }
    case 'user':
    case 'tool':
      addInput(context, parts, role, prompt);
  }
}

function addInput(
  context: PromptContext,
  parts: readonly Part[],
  role: 'user' | 'tool',
  prompt: Prompt,
): void {
  const content: Json[] = [];
  for (const part of parts) {
    if (part.type === 'tool_result' && part.providerExecuted !== true)
      prompt.result(toolResult(context, part, content));
    else if (role === 'tool') leaveOut(context, part, role);
    else if (part.type === 'text') {
      if (part.text !== '') content.push({ type: 'text', text: part.text });
    } else if (isMedia(part)) {
      const file = filePart(context, part);
      if (file !== undefined) content.push(file);
    } else leaveOut(context, part, role);
  }
  if (content.length > 0) prompt.user(content);
}

function onlyText(context: PromptContext, parts: readonly Part[]): string {
  for (const part of parts) if (part.type !== 'text') leaveOut(context, part, 'system');
  return parts
    .filter((part): part is TextPart => part.type === 'text')
    .map((part) => part.text)
    .join('');
}

import { anthropicError, openaiError } from 'sluice/testing';
import type { FaultResponse, RecordedRequest, ScriptedResponse, Wire } from 'sluice/testing';
import { at, listAt, parseLine, textAt } from './json.ts';
import { chatComplaints, messagesComplaints, responsesComplaints } from './request-complaints.ts';

/**
 * Answers like a real API: a request that a provider would refuse gets status 400 in place of its scripted answer. It knows what it has issued, and refuses
 * signatures, sealed reasoning and items that were changed, made up, or torn apart.
 */
export class StrictApi {
  /** What was wrong with the requests so far. */
  readonly complaints: string[] = [];
  readonly #issued = new Issued();
  readonly #longestId: number;

  /** `longestId`: how long the id of a call on Chat may be. Other servers than OpenAI take longer ones. */
  constructor(longestId = 40) {
    this.#longestId = longestId;
  }

  /** The answers, each behind a check of its request. */
  answers(...responses: readonly FaultResponse[]): ScriptedResponse[] {
    return responses.map((response) => (request) => this.answer(request, response));
  }

  /** The answer to one request, or a refusal in its place. */
  answer({ wire = 'openai-chat', body, index }: RecordedRequest, response: FaultResponse): FaultResponse {
    const [complaint] = [
      ...complaintsAbout(wire, body, this.#longestId),
      ...this.#issued.complaints(wire, body),
    ];
    if (complaint === undefined) {
      this.#issued.add(wire, response);
      return response;
    }
    this.complaints.push(`request ${index}: ${complaint}`);
    const error = wire === 'anthropic-messages' ? anthropicError : openaiError;
    return error(400, { message: complaint });
  }
}

/** What a real API would refuse a request for; empty if it would take it. */
function complaintsAbout(wire: Wire, body: unknown, longestId: number): string[] {
  switch (wire) {
    case 'openai-chat':
      return [...chatComplaints(body, longestId)];
    case 'openai-responses':
      return [...responsesComplaints(body)];
    case 'anthropic-messages':
      return [...messagesComplaints(body)];
  }
}

/** What an API has sent, and wants back as it was. */
class Issued {
  /** Thinking blocks and sealed reasoning, as text. */
  readonly #sealed = new Set<string>();
  /** For the ids of items: that of the reasoning that led to them. */
  readonly #reasoningOf = new Map<string, string>();

  add(wire: Wire, { stream }: FaultResponse): void {
    const events = (stream?.lines ?? []).map(parseLine);
    if (wire === 'anthropic-messages') {
      for (const block of thinkingBlocks(events)) this.#sealed.add(JSON.stringify(block));
    } else if (wire === 'openai-responses') {
      for (const event of events) this.#addItems(listAt(event, 'response', 'output'));
    }
  }

  *complaints(wire: Wire, body: unknown): Generator<string> {
    if (wire === 'anthropic-messages') {
      for (const message of listAt(body, 'messages'))
        for (const block of listAt(message, 'content'))
          if (isThinking(block) && !this.#sealed.has(JSON.stringify(plainThinking(block))))
            yield `Invalid signature in thinking block: ${JSON.stringify(block)}`;
    } else if (wire === 'openai-responses') {
      yield* this.#itemComplaints(listAt(body, 'input'));
    }
  }

  #addItems(items: readonly unknown[]): void {
    items.forEach((item, place) => {
      this.#sealed.add(textAt(item, 'encrypted_content'));
      const before = items[place - 1];
      if (at(before, 'type') === 'reasoning') this.#reasoningOf.set(textAt(item, 'id'), textAt(before, 'id'));
    });
  }

  *#itemComplaints(items: readonly unknown[]): Generator<string> {
    for (const [place, item] of items.entries()) {
      const sealed = textAt(item, 'encrypted_content');
      if (sealed !== '' && !this.#sealed.has(sealed))
        yield `The encrypted content ${sealed} could not be verified.`;
      const id = textAt(item, 'id');
      const reasoning = this.#reasoningOf.get(id);
      if (reasoning !== undefined && textAt(items[place - 1], 'id') !== reasoning)
        yield `Item '${id}' was provided without its required 'reasoning' item: '${reasoning}'.`;
    }
  }
}

function isThinking(block: unknown): boolean {
  return ['thinking', 'redacted_thinking'].includes(textAt(block, 'type'));
}

function plainThinking(block: unknown): object {
  return textAt(block, 'type') === 'thinking'
    ? { type: 'thinking', thinking: at(block, 'thinking'), signature: at(block, 'signature') }
    : { type: 'redacted_thinking', data: at(block, 'data') };
}

/** The thinking of a stream of Anthropic's, block by block. */
function thinkingBlocks(events: readonly unknown[]): object[] {
  const blocks = new Map<unknown, { type: string; thinking: string; signature: string; data: unknown }>();
  for (const event of events) {
    const index = at(event, 'index');
    if (at(event, 'type') === 'content_block_start' && isThinking(at(event, 'content_block'))) {
      const block = at(event, 'content_block');
      blocks.set(index, {
        type: textAt(block, 'type'),
        thinking: textAt(block, 'thinking'),
        signature: textAt(block, 'signature'),
        data: at(block, 'data'),
      });
    }
    const block = blocks.get(index);
    if (block === undefined || at(event, 'type') !== 'content_block_delta') continue;
    block.thinking += textAt(event, 'delta', 'thinking');
    block.signature += textAt(event, 'delta', 'signature');
  }
  return [...blocks.values()].map(plainThinking);
}

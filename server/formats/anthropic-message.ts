import { isList, isRecord } from '../requests/read.ts';
import type { AnthropicEvent } from './anthropic-blocks.ts';

type Json = Record<string, unknown>;

/** The message that the events of a stream add up to, as a client would add them up. */
export function messageOf(events: readonly AnthropicEvent[]): Json {
  let message: Json = {};
  const content: Json[] = [];
  for (const event of events) {
    const { index } = event;
    switch (event.type) {
      case 'message_start':
        message = { ...record(event['message']), content };
        break;
      case 'content_block_start':
        content.push({ ...record(event['content_block']) });
        break;
      case 'content_block_delta': {
        const block = typeof index === 'number' ? content[index] : undefined;
        if (block !== undefined) addDelta(block, record(event['delta']));
        break;
      }
      case 'message_delta':
        Object.assign(message, event['delta']);
        message['usage'] = event['usage'];
        break;
    }
  }
  return message;
}

function addDelta(block: Json, delta: Json): void {
  switch (delta['type']) {
    case 'text_delta':
      block['text'] = text(block['text']) + text(delta['text']);
      return;
    case 'thinking_delta':
      block['thinking'] = text(block['thinking']) + text(delta['thinking']);
      return;
    case 'signature_delta':
      block['signature'] = delta['signature'];
      return;
    case 'citations_delta': {
      const before = block['citations'];
      block['citations'] = [...(isList(before) ? before : []), delta['citation']];
      return;
    }
    case 'input_json_delta':
      block['input'] = JSON.parse(text(delta['partial_json']));
      return;
  }
}

function record(value: unknown): Json {
  return isRecord(value) ? value : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

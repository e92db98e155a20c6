import type {
  Message,
  Part,
  ProviderBlock,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from '../../src/index.ts';
import { addressOf, argumentsText, audioFormat, leftOut, ownBlock } from './shared.ts';
import type { Building, Json } from './shared.ts';

/** The wire that blocks of Responses are marked with. */
export const RESPONSES_WIRE = 'openai.responses';

/** How the items of a conversation are written. */
export interface Writing {
  /** Nothing is stored: a reasoning item is worth sending only with what it holds, its id resolves to nothing. */
  stateless: boolean;
  /** Calls of custom tools: their results have a type of their own. */
  customCalls: ReadonlySet<string>;
}

/** The ids of the calls of custom tools in a conversation. */
export function customCallsOf(build: Building): Set<string> {
  const ids = new Set<string>();
  for (const { content } of build.request.messages) {
    if (typeof content === 'string') continue;
    for (const part of content) {
      if (part.type === 'tool_call' && ownBlock(build, part.block)?.['type'] === 'custom_tool_call')
        ids.add(part.id);
    }
  }
  return ids;
}

/** One message as input items of Responses, in the order of its parts. */
export function responsesItems(build: Building, message: Message, writing: Writing): Json[] {
  if (message.name !== undefined) build.unsupported('the name of a message cannot be sent, it is left out');
  const { role } = message;
  const parts: Part[] =
    typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
  if (role === 'assistant') return assistantItems(build, parts, writing);
  const items: Json[] = [];
  const content: Json[] = [];
  for (const part of parts) {
    if (part.type === 'tool_result') items.push(toolOutput(build, part, writing));
    else if (part.type === 'provider') items.push(...providerItem(build, part.block));
    else if (role === 'tool' || (role === 'system' && part.type !== 'text')) leftOut(build, part, role);
    else content.push(...inputPart(build, part, role));
  }
  const [first] = content;
  if (first !== undefined) {
    const onlyText = content.length === 1 && first['type'] === 'input_text';
    items.push({ role, content: onlyText ? first['text'] : content });
  }
  return items;
}

function inputPart(build: Building, part: Part, role: string): Json[] {
  switch (part.type) {
    case 'text':
      return [{ type: 'input_text', text: part.text }];
    case 'image': {
      const url = addressOf(part, 'image/png');
      if (url !== undefined) return [{ type: 'input_image', image_url: url, detail: part.detail ?? 'auto' }];
      break;
    }
    case 'audio': {
      const format = audioFormat(part.mediaType);
      if (format !== undefined) return [{ type: 'input_audio', input_audio: { data: part.data, format } }];
      build.unsupported('sound other than wav and mp3 cannot be sent, it is left out');
      return [];
    }
    case 'file': {
      if (part.fileId !== undefined) return [{ type: 'input_file', file_id: part.fileId }];
      const address = addressOf(part, 'application/pdf');
      if (address === undefined) break;
      if (!address.startsWith('data:')) return [{ type: 'input_file', file_url: address }];
      return [{ type: 'input_file', filename: part.filename ?? 'file', file_data: address }];
    }
    case 'thinking':
    case 'tool_call':
    case 'tool_result':
    case 'provider':
      break;
  }
  leftOut(build, part, role);
  return [];
}

function toolOutput(build: Building, part: ToolResultPart, { customCalls }: Writing): Json {
  const output =
    typeof part.content === 'string'
      ? part.content
      : part.content.flatMap((each) => inputPart(build, each, 'tool'));
  const type = customCalls.has(part.id) ? 'custom_tool_call_output' : 'function_call_output';
  return { type, call_id: part.id, output };
}

function providerItem(build: Building, block: ProviderBlock): Json[] {
  const item = ownBlock(build, block);
  return item === undefined ? [] : [item];
}

/**
 * A reply of the model as the items that it came as. A reasoning item goes back verbatim, and only together with the item
 * that followed it: alone it is refused, and so is an item that names its reasoning when that is gone.
 */
function assistantItems(build: Building, parts: Part[], writing: Writing): Json[] {
  const items: Json[] = [];
  let said: TextPart[] = [];
  for (const part of parts) {
    if (part.type === 'text') {
      said.push(part);
      continue;
    }
    const header = part.type === 'provider' ? messageHeader(build, part.block) : undefined;
    items.push(...messageItem(said, header));
    said = [];
    if (header !== undefined) continue;
    if (part.type === 'thinking') items.push(...reasoningItem(build, part.block));
    else if (part.type === 'tool_call') items.push(callItem(build, part));
    else if (part.type === 'provider') items.push(...providerItem(build, part.block));
    else leftOut(build, part, 'assistant');
  }
  items.push(...messageItem(said, undefined));
  return paired(items, writing);
}

/** What a message item says beside its text; its text stands in the parts before. */
function messageHeader(build: Building, block: ProviderBlock): Json | undefined {
  const data = ownBlock(build, block);
  return data?.['type'] === 'message' ? data : undefined;
}

function messageItem(said: readonly TextPart[], header: Json | undefined): Json[] {
  const kept = said.filter((part) => part.text !== '');
  if (kept.length === 0) return [];
  const phase = header?.['phase'] === undefined ? {} : { phase: header['phase'] };
  if (kept.every((part) => part.refusal !== true)) {
    return [{ role: 'assistant', content: kept.map((part) => part.text).join(''), ...phase }];
  }
  const content = kept.map((part) =>
    part.refusal === true
      ? { type: 'refusal', refusal: part.text }
      : { type: 'output_text', text: part.text },
  );
  return [{ role: 'assistant', content, ...phase }];
}

function reasoningItem(build: Building, block: ProviderBlock | undefined): Json[] {
  // Thinking without its verbatim form (another provider's summary, a reply cut short) means nothing to this wire.
  return block === undefined ? [] : providerItem(build, block);
}

function callItem(build: Building, part: ToolCallPart): Json {
  const item = ownBlock(build, part.block);
  if (item !== undefined) return item;
  return { type: 'function_call', call_id: part.id, name: part.name, arguments: argumentsText(part) };
}

function paired(items: readonly Json[], { stateless }: Writing): Json[] {
  const kept: Json[] = [];
  let lostReasoning = false;
  items.forEach((item, index) => {
    if (item['type'] === 'reasoning') {
      const next = items[index + 1];
      const isFollowed = next !== undefined && next['type'] !== 'reasoning';
      lostReasoning = !isFollowed || (stateless && !holdsReasoning(item));
      if (!lostReasoning) kept.push(item);
      return;
    }
    kept.push(lostReasoning && item['type'] === 'function_call' ? withoutId(item) : item);
    lostReasoning = false;
  });
  return kept;
}

/** Whether a reasoning item means something without the server's store. */
function holdsReasoning(item: Json): boolean {
  const { encrypted_content: encrypted, content } = item;
  return typeof encrypted === 'string' || (Array.isArray(content) && content.length > 0);
}

function withoutId(item: Json): Json {
  const { id: _id, ...rest } = item;
  return rest;
}

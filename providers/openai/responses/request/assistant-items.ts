import { leaveOut, ownBlock, providerRun } from '../../../wire/index.ts';
import type { FilePart, Part, TextPart, ToolCallPart } from '../../../../src/index.ts';
import { withoutId, type ItemIds } from './item-ids.ts';
import { argumentsText } from '../../shared/request-context.ts';
import type { RequestContext, Json } from '../../shared/request-context.ts';

/** How the items of a reply are written. */
export interface ReplyWriting {
  /**
   * Whether the server stores nothing. The id of a reasoning item is useless then, so the item is only sent if it has
   * content.
   */
  stateless: boolean;
  itemIds: ItemIds;
}

/** Stands for reasoning that cannot be sent. */
const LOST = 'lost';

/**
 * A reply of the model as the items that it came as. A reasoning item goes back unchanged, and only with the item that
 * followed it. The API refuses it without that item, and refuses an item whose reasoning is missing.
 */
export function assistantItems(
  context: RequestContext,
  parts: readonly Part[],
  writing: ReplyWriting,
): Json[] {
  const items: (Json | typeof LOST)[] = [];
  let texts: TextPart[] = [];
  for (const part of parts) {
    if (part.type === 'text') {
      texts.push(part);
      continue;
    }
    const item = itemOf(context, part);
    const isHeader = part.type === 'provider' && item !== LOST && item?.['type'] === 'message';
    items.push(...messageItem(texts, isHeader ? item : undefined));
    texts = [];
    if (!isHeader && item !== undefined) items.push(item);
  }
  items.push(...messageItem(texts, undefined));
  return paired(items, writing);
}

/** A part other than text as an item. Undefined if it is left out. */
function itemOf(context: RequestContext, part: Exclude<Part, TextPart>): Json | typeof LOST | undefined {
  switch (part.type) {
    case 'thinking':
      // This API cannot use thinking without its original form, such as another provider's summary or a reply that was cut.
      return ownBlock(context, part.block) ?? LOST;
    case 'tool_call':
      return part.providerExecuted === true ? providerRun(context, part) : callItem(context, part);
    case 'provider':
      return ownBlock(context, part.block);
    case 'tool_result':
      if (part.providerExecuted === true) return providerRun(context, part);
      break;
    case 'file':
      if (part.block !== undefined) return imageItem(part, ownBlock(context, part.block));
      break;
    case 'image':
    case 'audio':
      break;
  }
  leaveOut(context, part, 'assistant');
  return undefined;
}

/** An image that the model made. Without stored items the API takes it only with its data, which the file has. */
function imageItem({ data }: FilePart, item: Json | undefined): Json | undefined {
  const isBare = item?.['type'] === 'image_generation_call' && item['result'] === undefined;
  return isBare && data !== undefined ? { ...item, result: data } : item;
}

/** The text of a message. `header` holds the other fields of the message. */
function messageItem(texts: readonly TextPart[], header: Json | undefined): Json[] {
  const kept = texts.filter((part) => part.text !== '');
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

/** A call in its original form, with the id that its result has and a name that the API takes. A call from elsewhere becomes a plain call. */
function callItem(context: RequestContext, part: ToolCallPart): Json {
  const item = ownBlock(context, part.block);
  if (item === undefined) {
    return { type: 'function_call', call_id: part.id, name: part.name, arguments: argumentsText(part) };
  }
  const { id: call_id, name } = part;
  return { ...item, call_id, name, ...(part.invalid !== undefined && { arguments: argumentsText(part) }) };
}

function paired(items: readonly (Json | typeof LOST)[], { stateless, itemIds }: ReplyWriting): Json[] {
  const kept: Json[] = [];
  /** Whether the next item refers to reasoning that is not sent. */
  let lost = false;
  items.forEach((item, index) => {
    if (item === LOST) {
      lost = true;
    } else if (item['type'] === 'reasoning') {
      const isSent = isFollowed(items[index + 1]) && !(stateless && !holdsReasoning(item));
      const checked = isSent ? itemIds.checked(item) : undefined;
      lost = checked !== item;
      if (checked !== undefined) kept.push(checked);
    } else {
      kept.push(lost && isCall(item) ? withoutId(item) : itemIds.checked(item));
      lost = false;
    }
  });
  return kept;
}

function isFollowed(next: Json | typeof LOST | undefined): boolean {
  return next !== undefined && next !== LOST && next['type'] !== 'reasoning';
}

function isCall({ type }: Json): boolean {
  return type === 'function_call' || type === 'custom_tool_call';
}

/** Whether a reasoning item is of use if the server does not store it. */
function holdsReasoning(item: Json): boolean {
  const { encrypted_content: encrypted, content } = item;
  return typeof encrypted === 'string' || (Array.isArray(content) && content.length > 0);
}

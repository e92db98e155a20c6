import type { Part, ToolCallPart, ToolResultPart } from '../../../src/index.ts';
import { leaveOut, ownBlock, providerRun, sentArguments } from '../../../providers/wire/index.ts';
import { optionsOf } from '../blocks.ts';
import type { Json, PromptContext } from './context.ts';

/** A reply of the model as the content of an assistant's message, with what its provider wants back in its place. */
export function assistantContent(context: PromptContext, parts: readonly Part[]): Json[] {
  const content: Json[] = [];
  const ran = new Set<string>();
  for (const part of parts) add(context, part, content, ran);
  return content.filter(
    ({ type, text, providerOptions }) => type !== 'text' || text !== '' || providerOptions !== undefined,
  );
}

function add(context: PromptContext, part: Part, content: Json[], ran: Set<string>): void {
  switch (part.type) {
    case 'text':
      content.push({ type: 'text', text: part.text });
      return;
    case 'thinking': {
      const data = ownBlock(context, part.block);
      // Thinking without a block was made by hand, or by a server that wants nothing else back.
      if (data === undefined && part.block !== undefined) return;
      content.push({ type: 'reasoning', text: part.text, ...optionsOf(data) });
      return;
    }
    case 'tool_call':
      addCall(context, part, content, ran);
      return;
    case 'tool_result':
      if (part.providerExecuted === true) addResult(context, part, content, ran);
      else leaveOut(context, part, 'assistant');
      return;
    case 'file': {
      const data = ownBlock(context, part.block);
      if (data !== undefined) addFile(context, part, content, data);
      else if (part.block === undefined) leaveOut(context, part, 'assistant');
      return;
    }
    case 'provider': {
      const data = ownBlock(context, part.block);
      if (data !== undefined) addKept(context, data, content);
      return;
    }
    case 'image':
    case 'audio':
      leaveOut(context, part, 'assistant');
  }
}

function addCall(context: PromptContext, part: ToolCallPart, content: Json[], ran: Set<string>): void {
  const isTheirs = part.providerExecuted === true;
  const data = isTheirs ? providerRun(context, part) : ownBlock(context, part.block);
  if (isTheirs && data === undefined) return;
  if (isTheirs) ran.add(part.id);
  content.push({
    type: 'tool-call',
    toolCallId: part.id,
    toolName: part.name,
    input: sentArguments(part),
    ...(isTheirs && { providerExecuted: true }),
    ...optionsOf(data),
  });
}

/** The result of a call that the provider ran. It goes back only with its call. */
function addResult(context: PromptContext, part: ToolResultPart, content: Json[], ran: Set<string>): void {
  const data = providerRun(context, part);
  if (data === undefined) return;
  if (!ran.has(part.id)) {
    context.unsupported(`a result of ${part.name}, which the provider ran, is left out: its call is missing`);
    return;
  }
  const value = data['result'];
  const isText = typeof value === 'string';
  const type = part.isError === true ? (isText ? 'error-text' : 'error-json') : isText ? 'text' : 'json';
  content.push({
    type: 'tool-result',
    toolCallId: part.id,
    toolName: part.name,
    output: { type, value },
    ...optionsOf(data),
  });
}

function addFile(
  context: PromptContext,
  part: Extract<Part, { type: 'file' }>,
  content: Json[],
  data: Json,
): void {
  const isV3 = context.model.specificationVersion === 'v3';
  const file = sentFile(part, isV3);
  if (file === undefined) leaveOut(context, part, 'assistant');
  else content.push({ type: 'file', mediaType: part.mediaType, data: file, ...optionsOf(data) });
}

/** The content of a file that the model made. */
function sentFile({ data, url }: { data?: string; url?: string }, isV3: boolean): unknown {
  if (data !== undefined) return isV3 ? data : { type: 'data', data };
  if (url === undefined || !URL.canParse(url)) return undefined;
  return isV3 ? new URL(url) : { type: 'url', url: new URL(url) };
}

/** What only the provider understands: the metadata of the text before it, or a part of its own. */
function addKept(context: PromptContext, data: Json, content: Json[]): void {
  switch (data['type']) {
    case 'text':
      addTextOptions(data, content);
      return;
    case 'custom':
      content.push({ type: 'custom', kind: data['kind'], ...optionsOf(data) });
      return;
    case 'reasoning-file': {
      const kept = data['data'];
      const file =
        typeof kept === 'object' && kept !== null
          ? sentFile(kept, context.model.specificationVersion === 'v3')
          : undefined;
      if (file !== undefined)
        content.push({
          type: 'reasoning-file',
          mediaType: data['mediaType'],
          data: file,
          ...optionsOf(data),
        });
    }
  }
}

/** Gives the text before it the metadata of its block. If other text was joined to it, it is parted again. */
function addTextOptions(data: Json, content: Json[]): void {
  const last = content.at(-1);
  const characters = typeof data['characters'] === 'number' ? data['characters'] : 0;
  if (
    last?.['type'] !== 'text' ||
    typeof last['text'] !== 'string' ||
    last['providerOptions'] !== undefined ||
    characters === 0
  ) {
    content.push({ type: 'text', text: '', ...optionsOf(data) });
    return;
  }
  const { text } = last;
  if (typeof text !== 'string') return;
  const begin = Math.max(0, text.length - characters);
  content.pop();
  if (begin > 0) content.push({ type: 'text', text: text.slice(0, begin) });
  content.push({ type: 'text', text: text.slice(begin), ...optionsOf(data) });
}

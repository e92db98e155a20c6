import type { FilePart, ImagePart, Part, ProviderPart, TextPart, ToolResultPart } from '../../src/index.ts';
import { openedBlock } from '../formats/sealed-block.ts';
import { base64OfText } from './base64.ts';
import { fieldError } from './request-error.ts';
import {
  flagAt,
  isList,
  isRecord,
  listAt,
  nameAt,
  objectAt,
  optionalAt,
  textAt,
  wrong,
  type Fields,
} from './read.ts';

/** What the blocks of one request share. */
export interface ContentContext {
  /** Whether the pipeline asks Anthropic's API: what only that API has then goes on to it as it came. */
  verbatim: boolean;
  /** The name of each tool call so far, by its id. */
  names: Map<string, string>;
}

/** The blocks of a message: a list, or a text that is one block. */
export function blocksAt(content: unknown, path: string): readonly Fields[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  if (isList(content)) return content.map((block, at) => objectAt(block, `${path}[${at}]`));
  throw wrong(path, content, 'give a string or an array of content blocks');
}

/** A block of the user. */
export function userPart(block: Fields, path: string, context: ContentContext): Part[] {
  switch (block['type']) {
    case 'text':
      return [textPart(block, path)];
    case 'image':
      return [imagePart(block, path, context)];
    case 'document':
      return documentParts(block, path, context);
    case 'search_result':
      return context.verbatim ? [providerPart(block)] : searchParts(block, path);
    case 'tool_result':
      return [resultPart(block, path, context)];
    default:
      if (context.verbatim) return [providerPart(block)];
      throw unsupported(block, path);
  }
}

/** A block of the assistant, as the client got it before. */
export function replyPart(block: Fields, path: string, { names, verbatim }: ContentContext): Part {
  switch (block['type']) {
    case 'text': {
      const given = optionalAt(block, 'citations', path, listAt) ?? [];
      // Without its index a page was cited by another API, and Anthropic's takes no such citation.
      const citations = given.filter((one) => !isRecord(one) || one['encrypted_index'] !== '');
      return { ...textPart(block, path), ...(citations.length > 0 && { citations }) };
    }
    case 'thinking': {
      const text = textAt(block['thinking'], `${path}.thinking`);
      const signature = optionalAt(block, 'signature', path, textAt) ?? '';
      // A model that signs nothing has no use for its thinking, and an API that signs refuses it without a signature.
      if (signature === '') return { type: 'thinking', text };
      const data = { type: 'thinking', thinking: text, signature };
      return { type: 'thinking', text, block: openedBlock(signature) ?? { provider: 'anthropic', data } };
    }
    case 'redacted_thinking':
      return { type: 'thinking', text: '', block: { provider: 'anthropic', data: { ...block } } };
    case 'tool_use': {
      const id = nameAt(block['id'], `${path}.id`);
      const name = nameAt(block['name'], `${path}.name`);
      names.set(id, name);
      // A program of the API that made the call waits for its result.
      const isProgram = verbatim && isRecord(block['caller']) && block['caller']['type'] !== 'direct';
      const { cache_control: _cache, ...data } = block;
      return {
        ...{ type: 'tool_call', id, name, arguments: block['input'] ?? {} },
        ...(isProgram && { block: { provider: 'anthropic', data } }),
      };
    }
    default:
      // What the API's own tools said. Another API leaves it out, and says so.
      nameAt(block['type'], `${path}.type`);
      return providerPart(block);
  }
}

function textPart(block: Fields, path: string): TextPart {
  return { type: 'text', text: textAt(block['text'], `${path}.text`) };
}

function providerPart({ cache_control: _cache, ...data }: Fields): ProviderPart {
  return { type: 'provider', block: { provider: 'anthropic', data } };
}

function imagePart(block: Fields, path: string, context: ContentContext): ImagePart | FilePart {
  const source = objectAt(block['source'], `${path}.source`);
  switch (source['type']) {
    case 'base64':
      return {
        type: 'image',
        data: nameAt(source['data'], `${path}.source.data`),
        mediaType: nameAt(source['media_type'], `${path}.source.media_type`),
      };
    case 'url':
      return { type: 'image', url: nameAt(source['url'], `${path}.source.url`) };
    case 'file':
      // The media type only says that it is an image.
      return { ...filePart(source, path, context), mediaType: 'image/*' };
    default:
      throw unsupported(source, `${path}.source`);
  }
}

function documentParts(block: Fields, path: string, context: ContentContext): Part[] {
  const { source: given, title } = block;
  // Citations and context have no place in a file of ours.
  if (context.verbatim && (isOn(block['citations']) || typeof block['context'] === 'string'))
    return [providerPart(block)];
  const source = objectAt(given, `${path}.source`);
  const named = typeof title === 'string' && title !== '' ? { filename: title } : {};
  switch (source['type']) {
    case 'base64': {
      const data = nameAt(source['data'], `${path}.source.data`);
      const mediaType = nameAt(source['media_type'], `${path}.source.media_type`);
      return [{ type: 'file', data, mediaType, ...named }];
    }
    case 'text': {
      const data = base64OfText(textAt(source['data'], `${path}.source.data`));
      return [{ type: 'file', data, mediaType: 'text/plain', ...named }];
    }
    case 'url': {
      const url = nameAt(source['url'], `${path}.source.url`);
      return [{ type: 'file', url, mediaType: 'application/pdf', ...named }];
    }
    case 'content': {
      const at = `${path}.source.content`;
      return blocksAt(source['content'], at).flatMap((one, index) =>
        inResult(one, `${at}[${index}]`, context),
      );
    }
    case 'file':
      return [{ ...filePart(source, path, context), ...named }];
    default:
      throw unsupported(source, `${path}.source`);
  }
}

/** A file that was uploaded to Anthropic. */
function filePart(source: Fields, path: string, { verbatim }: ContentContext): FilePart {
  if (!verbatim)
    throw fieldError(`${path}.source`, 'files that were uploaded to Anthropic cannot be read here');
  return { type: 'file', fileId: nameAt(source['file_id'], `${path}.source.file_id`) };
}

function searchParts(block: Fields, path: string): TextPart[] {
  const texts = blocksAt(block['content'], `${path}.content`);
  const title = optionalAt(block, 'title', path, textAt);
  const source = optionalAt(block, 'source', path, textAt);
  const head = [title, source].filter((line) => line !== undefined && line !== '').join('\n');
  return [
    ...(head === '' ? [] : [{ type: 'text' as const, text: head }]),
    ...texts.map((one, at) => textPart(one, `${path}.content[${at}]`)),
  ];
}

function resultPart(block: Fields, path: string, context: ContentContext): ToolResultPart {
  const id = nameAt(block['tool_use_id'], `${path}.tool_use_id`);
  const name = context.names.get(id);
  if (name === undefined) throw fieldError(`${path}.tool_use_id`, 'no tool_use block before it has this id');
  const at = `${path}.content`;
  const { content } = block;
  const isError = optionalAt(block, 'is_error', path, flagAt) === true;
  return {
    ...{ type: 'tool_result', id, name },
    content:
      content === undefined || content === null || typeof content === 'string'
        ? (content ?? '')
        : blocksAt(content, at).flatMap((one, index) => inResult(one, `${at}[${index}]`, context)),
    ...(isError && { isError }),
    // References alone have no text that a layer could have to see.
    ...(context.verbatim &&
      isList(content) &&
      content.length > 0 &&
      content.every((one) => isRecord(one) && one['type'] === 'tool_reference') && {
        block: { provider: 'anthropic', data: { content } },
      }),
  };
}

/** A block inside the result of a tool, or inside a document. */
function inResult(block: Fields, path: string, context: ContentContext): (TextPart | ImagePart | FilePart)[] {
  switch (block['type']) {
    case 'text':
      return [textPart(block, path)];
    case 'image':
      return [imagePart(block, path, context)];
    case 'document':
      return documentParts(block, path, { ...context, verbatim: false }).filter(isContent);
    case 'search_result':
      return searchParts(block, path);
    case 'tool_reference':
      return [{ type: 'text', text: nameAt(block['tool_name'], `${path}.tool_name`) }];
    default:
      throw unsupported(block, path);
  }
}

function isContent(part: Part): part is TextPart | ImagePart | FilePart {
  return part.type === 'text' || part.type === 'image' || part.type === 'file';
}

function isOn(citations: unknown): boolean {
  return typeof citations === 'object' && citations !== null && Reflect.get(citations, 'enabled') === true;
}

function unsupported(block: Fields, path: string): Error {
  const type = nameAt(block['type'], `${path}.type`);
  return fieldError(`${path}.type`, `${JSON.stringify(type.slice(0, 60))} is not supported here`);
}

import type { Part, TextPart, ToolResultPart } from '../../../src/index.ts';
import { BLANK_ERROR } from '../../../providers/wire/index.ts';
import type { Json, PromptContext } from './context.ts';
import { filePart, isMedia } from './media.ts';

/**
 * The services whose packages put a file into the result of a tool. The others write it as text.
 * Source: the conversion of prompts in the packages, tool results of type `content`.
 */
const CARRY_FILES =
  /^(?:anthropic|amazon-bedrock|bedrock|google|vertex|openai\.responses|azure\.responses|xai\.responses)/;

/** The result of a client's tool. Files that the service cannot take in it are added to `after`, which follows as a message of the user. */
export function toolResult(context: PromptContext, part: ToolResultPart, after: Json[]): Json {
  const { id, name, content, isError = false } = part;
  const carries = CARRY_FILES.test(context.model.provider) && !isError;
  return {
    type: 'tool-result',
    toolCallId: id,
    toolName: name,
    output:
      typeof content === 'string'
        ? textOutput(content, isError)
        : carries && content.some(isMedia)
          ? { type: 'content', value: content.flatMap((each) => contentPart(context, each)) }
          : textOutput(textWithout(context, part, content, after), isError),
  };
}

function textOutput(value: string, isError: boolean): Json {
  if (!isError) return { type: 'text', value };
  return { type: 'error-text', value: value.trim() === '' ? BLANK_ERROR : value };
}

/** The text of a result. Its files follow as a message of the user. */
function textWithout(
  context: PromptContext,
  { name, id }: ToolResultPart,
  parts: readonly Part[],
  after: Json[],
): string {
  const files = parts
    .filter(isMedia)
    .map((part) => filePart(context, part))
    .filter((file) => file !== undefined);
  if (files.length > 0) {
    context.unsupported('a file cannot be sent in the result of a tool, it follows as a message of the user');
    after.push({ type: 'text', text: `Result of the tool ${name} (call ${id}):` }, ...files);
  }
  const text = parts
    .filter((part): part is TextPart => part.type === 'text')
    .map((part) => part.text)
    .join('');
  return text === '' && files.length > 0 ? 'The result is in the next message of the user.' : text;
}

function contentPart(context: PromptContext, part: Part): Json[] {
  if (part.type === 'text') return [{ type: 'text', text: part.text }];
  const file = isMedia(part) ? filePart(context, part) : undefined;
  if (file === undefined) return [];
  return [context.model.specificationVersion === 'v3' ? fileOfV3(file) : file];
}

/** V3 has other names for the files of a result. */
function fileOfV3({ data, mediaType, filename }: Json): Json {
  const isImage = typeof mediaType === 'string' && mediaType.startsWith('image/');
  if (data instanceof URL) return { type: isImage ? 'image-url' : 'file-url', url: data.href };
  if (isImage) return { type: 'image-data', data, mediaType };
  return { type: 'file-data', data, mediaType, ...(filename !== undefined && { filename }) };
}

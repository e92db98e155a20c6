import type { AudioPart, FilePart, Message, Part } from './messages.ts';
import { schemaText } from './output/schema-text.ts';
import type { ModelRequest } from './request.ts';

/**
 * About four bytes of UTF-8 per token. Compared with o200k_base, this gives 0.95 to 1.1 of the real count for prose and code in English,
 * German, Chinese, Japanese and Korean, too much for Cyrillic, Arabic and Indic scripts, 0.8 for JSON, and half for digits and base64.
 */
const BYTES_PER_TOKEN = 4;
/** Roles and separators around each message, counted as in OpenAI's cookbook. */
const TOKENS_PER_MESSAGE = 4;
/** An image of medium size: OpenAI counts from 85 for low detail to 1,105 for 1024 x 1024, Anthropic up to 1,600. */
const TOKENS_PER_IMAGE = 1_000;
const TOKENS_PER_SMALL_IMAGE = 85;
/** A page of a document: 1,500 to 3,000 tokens of text, according to Anthropic's page "PDF support". */
const TOKENS_PER_PAGE = 1_500;
/** A page with figures. The size is all that is known about a document. */
const BYTES_PER_PAGE = 75_000;
/** OpenAI counts ten tokens per second of sound, which is about 16 kB of MP3. */
const AUDIO_BYTES_PER_TOKEN = 1_600;

/** A rough count of the tokens of a text, or of a number of ASCII characters. At least 1 if there is any text. */
export function estimateTokens(text: string | number): number {
  return Math.ceil((typeof text === 'string' ? utf8Bytes(text) : text) / BYTES_PER_TOKEN);
}

/**
 * A rough count of the input tokens of a request: messages, tools (those of `providerOptions` too), images, files and the schema of the answer, also that of an `output`. `textTokens` counts a text; pass
 * the count function of a tokenizer for a better estimate.
 */
export function estimateInputTokens(
  request: ModelRequest,
  textTokens: (text: string) => number = estimateTokens,
): number {
  const { messages, tools, responseFormat, output } = request;
  let tokens = 0;
  for (const message of messages) tokens += TOKENS_PER_MESSAGE + messageTokens(message, textTokens);
  if (tools !== undefined && tools.length > 0) tokens += textTokens(JSON.stringify(tools));
  tokens += providerTools(request.parameters, textTokens);
  // Whichever way it is asked for, its schema is sent.
  if (output !== undefined) tokens += textTokens(schemaText(output.schema));
  else if (responseFormat?.type === 'json_schema')
    tokens += textTokens(JSON.stringify(responseFormat.schema));
  return tokens;
}

type Count = (text: string) => number;

/** The fields of `providerOptions` that offer tools to the model. */
const TOOL_FIELDS = ['tools', 'functions'] as const;

/** Tools that the caller gave for single providers. One of these gets the request, so the largest count is taken. */
function providerTools({ providerOptions }: ModelRequest['parameters'], count: Count): number {
  if (providerOptions === undefined) return 0;
  const counts = Object.values(providerOptions).map((fields) =>
    TOOL_FIELDS.reduce(
      (sum, field) => sum + (Array.isArray(fields[field]) ? count(JSON.stringify(fields[field])) : 0),
      0,
    ),
  );
  return Math.max(0, ...counts);
}

function messageTokens({ content }: Message, count: Count): number {
  if (typeof content === 'string') return count(content);
  return content.reduce((sum, part) => sum + partTokens(part, count), 0);
}

function partTokens(part: Part, count: Count): number {
  switch (part.type) {
    case 'text':
    case 'thinking':
      return count(part.text);
    case 'image':
      return part.detail === 'low' ? TOKENS_PER_SMALL_IMAGE : TOKENS_PER_IMAGE;
    case 'audio':
      return Math.ceil(sizeOf(part) / AUDIO_BYTES_PER_TOKEN);
    case 'file':
      return fileTokens(part);
    case 'tool_call':
      return count(part.name + (JSON.stringify(part.arguments) ?? ''));
    case 'tool_result':
      return typeof part.content === 'string'
        ? count(part.content)
        : part.content.reduce((sum, inner) => sum + partTokens(inner, count), 0);
    case 'provider':
      return count(JSON.stringify(part.block.data) ?? '');
  }
}

/** Nothing is known about a document that is only a URL or a file id: it counts as one page. */
function fileTokens(part: FilePart): number {
  const bytes = sizeOf(part);
  if (/^(?:text\/|application\/(?:json|xml|yaml)\b)/.test(part.mediaType ?? '') && bytes > 0)
    return estimateTokens(bytes);
  return Math.max(1, Math.ceil(bytes / BYTES_PER_PAGE)) * TOKENS_PER_PAGE;
}

/** The number of bytes that a part contains as base64; 0 if it only refers to them. */
function sizeOf(part: AudioPart | FilePart): number {
  const url = part.type === 'file' && part.url?.startsWith('data:') === true ? part.url : '';
  return Math.ceil(((part.data ?? url).length * 3) / 4);
}

function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // Half of a surrogate pair counts as two of the four bytes.
    if (unit > 0x7f) bytes += unit <= 0x7ff || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

import { SluiceError, kindOf } from './errors.ts';

/** Who speaks. `tool` messages hold the results of tool calls. */
export type Role = 'system' | 'user' | 'assistant' | 'tool';

/**
 * Data of a provider that is sent back to it verbatim on the next turn: thinking signatures, encrypted reasoning,
 * server-side tool calls. Other providers leave it out.
 */
export interface ProviderBlock {
  /** The wire it belongs to: `anthropic`, `openai.responses`, ... */
  provider: string;
  /** The block as it came, plain JSON. */
  data: unknown;
}

/** Text. `citations` are the provider's own objects, kept as they came. */
export interface TextPart {
  type: 'text';
  text: string;
  citations?: unknown[];
  /** The model declined; the text says so. */
  refusal?: true;
}

/** What the model thought aloud. `block` is the verbatim form that the provider wants back. */
export interface ThinkingPart {
  type: 'thinking';
  text: string;
  block?: ProviderBlock;
}

/** An image, by `url` (https or data URL) or by base64 `data` with its `mediaType`. */
export interface ImagePart {
  type: 'image';
  url?: string;
  data?: string;
  mediaType?: string;
  /** How closely the model looks, where the provider lets one say. */
  detail?: 'auto' | 'low' | 'high';
}

/** Sound, as base64 `data`; `mediaType` such as `audio/wav` or `audio/mpeg`. */
export interface AudioPart {
  type: 'audio';
  data: string;
  mediaType: string;
}

/** A document, by `url`, by base64 `data` with its `mediaType`, or by the provider's `fileId`. */
export interface FilePart {
  type: 'file';
  url?: string;
  data?: string;
  fileId?: string;
  mediaType?: string;
  filename?: string;
}

/** A finished tool call of the model; `arguments` are parsed. */
export interface ToolCallPart {
  type: 'tool_call';
  id: string;
  name: string;
  arguments: unknown;
  block?: ProviderBlock;
}

/** What a tool answered. `id` is the call's. */
export interface ToolResultPart {
  type: 'tool_result';
  id: string;
  name: string;
  content: string | (TextPart | ImagePart | FilePart)[];
  isError?: boolean;
}

/** A block that only its provider understands, kept in its place among the other parts. */
export interface ProviderPart {
  type: 'provider';
  block: ProviderBlock;
}

/** One piece of a message. */
export type Part =
  TextPart | ThinkingPart | ImagePart | AudioPart | FilePart | ToolCallPart | ToolResultPart | ProviderPart;

/** One message of a conversation: plain data. */
export interface Message {
  role: Role;
  content: string | Part[];
  /** The speaker's name, where the provider knows such a field. */
  name?: string;
  /** The reply was cut short (cancelled, failed or interrupted); this is what had come. */
  partial?: true;
}

const ROLES: ReadonlySet<string> = new Set(['system', 'user', 'assistant', 'tool']);

const PART_TYPES: ReadonlySet<string> = new Set([
  'text',
  'thinking',
  'image',
  'audio',
  'file',
  'tool_call',
  'tool_result',
  'provider',
]);

/** What `execute` takes in place of role and content. */
export type Input = Message | readonly Message[];

/** Checks messages that a caller gave. Throws `invalid_options`, naming the field, the value's kind and the mend. */
export function checkMessages(input: Input): Message[] {
  const messages: readonly Message[] = isList(input) ? input : [input];
  messages.forEach((message, index) => {
    checkMessage(message, isList(input) ? `messages[${index}]` : 'message');
  });
  return [...messages];
}

function isList(input: Input): input is readonly Message[] {
  return Array.isArray(input);
}

function checkMessage(message: unknown, path: string): void {
  if (typeof message !== 'object' || message === null) {
    throw wrong(path, message, 'give an object { role, content }');
  }
  const role = 'role' in message ? message.role : undefined;
  if (typeof role !== 'string' || !ROLES.has(role)) {
    const got = typeof role === 'string' ? `the string ${JSON.stringify(role.slice(0, 40))}` : undefined;
    throw wrong(`${path}.role`, role, 'give one of system, user, assistant, tool', got);
  }
  const content = 'content' in message ? message.content : undefined;
  if (typeof content === 'string') return;
  if (!Array.isArray(content)) throw wrong(`${path}.content`, content, 'give a string or an array of parts');
  content.forEach((part: unknown, index) => {
    const type = typeof part === 'object' && part !== null && 'type' in part ? part.type : undefined;
    if (typeof type !== 'string' || !PART_TYPES.has(type)) {
      throw wrong(`${path}.content[${index}].type`, type, `give one of ${[...PART_TYPES].join(', ')}`);
    }
  });
}

function wrong(path: string, value: unknown, mend: string, got = kindOf(value)): SluiceError {
  return new SluiceError('invalid_options', `${path} is ${got}: ${mend}.`);
}

/** The text of a message: its text parts joined. */
export function textOf(message: Message): string {
  if (typeof message.content === 'string') return message.content;
  let text = '';
  for (const part of message.content) if (part.type === 'text') text += part.text;
  return text;
}

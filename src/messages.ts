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

/** What `execute` takes in place of role and content. */
export type Input = Message | readonly Message[];

/** The text of a message: its text parts joined. */
export function textOf(message: Message): string {
  if (typeof message.content === 'string') return message.content;
  let text = '';
  for (const part of message.content) if (part.type === 'text') text += part.text;
  return text;
}

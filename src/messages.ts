/** Who speaks. `tool` messages hold the results of tool calls. */
export type Role = 'system' | 'user' | 'assistant' | 'tool';

/**
 * Data of a provider that is sent back to it verbatim on the next turn: thinking signatures, encrypted reasoning,
 * server-side tool calls. It goes back only over the same wire, to the same model at the same base URL; any other call
 * leaves it out with a warning.
 */
export interface ProviderBlock {
  /** The wire it belongs to: `anthropic`, `openai.chat`, `openai.responses`. */
  provider: string;
  /** The model that was asked for when the block came. Absent in a block made by hand: it goes to any model. */
  model?: string;
  /** The base URL that the block came from. Absent in a block made by hand, or if the client does not tell. */
  baseURL?: string;
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

/**
 * A document, or in a reply an image or a sound that the model made: by `url`, by base64 `data` with its `mediaType`, or by
 * the provider's `fileId`.
 */
export interface FilePart {
  type: 'file';
  url?: string;
  data?: string;
  fileId?: string;
  mediaType?: string;
  filename?: string;
  /** The provider's id of a file that the model made. */
  id?: string;
  block?: ProviderBlock;
}

/** Arguments of a tool call that could not be read. */
export interface InvalidArguments {
  /** The arguments as the model wrote them; cut if they are longer than the limit. */
  raw: string;
  /** What is wrong with them, in one sentence without their content. */
  reason: string;
}

/** A finished tool call of the model; `arguments` are parsed. */
export interface ToolCallPart {
  type: 'tool_call';
  id: string;
  name: string;
  arguments: unknown;
  /** The provider has run the tool itself: nobody else may run it. */
  providerExecuted?: true;
  /** The arguments could not be read: `arguments` is `{}`, and the call must not be run. */
  invalid?: InvalidArguments;
  block?: ProviderBlock;
}

/** What a tool answered. `id` is the call's. */
export interface ToolResultPart {
  type: 'tool_result';
  id: string;
  name: string;
  content: string | (TextPart | ImagePart | FilePart)[];
  isError?: boolean;
  /** The result of a call that the provider ran itself. It is part of the assistant's message. */
  providerExecuted?: true;
  block?: ProviderBlock;
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

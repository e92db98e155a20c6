/** Who speaks. Messages of role `tool` hold the results of tool calls. */
export type Role = 'system' | 'user' | 'assistant' | 'tool';

/**
 * Data of a provider that is sent back to it unchanged on the next turn: thinking signatures, encrypted reasoning,
 * server-side tool calls. It is sent back only over the same wire, to the same model at the same base URL. Any other call
 * leaves it out with a warning.
 */
export interface ProviderBlock {
  /** The wire it belongs to: `anthropic`, `openai.chat`, `openai.responses`. */
  provider: string;
  /** The requested model of the call that produced the block. A block made by hand has none and is sent to any model. */
  model?: string;
  /** The base URL that the block came from. Absent in a block made by hand, or if the client does not reveal it. */
  baseURL?: string;
  /** The block as it came, plain JSON. */
  data: unknown;
}

/** Text. `citations` are the provider's own objects, unchanged. */
export interface TextPart {
  type: 'text';
  text: string;
  citations?: unknown[];
  /** The model declined to answer; the text says so. */
  refusal?: true;
}

/** The model's thinking. `block` is the provider's own form of it, which the provider wants back unchanged. */
export interface ThinkingPart {
  type: 'thinking';
  text: string;
  block?: ProviderBlock;
}

/** An image: a `url` (https or data URL), or base64 `data` with its `mediaType`. */
export interface ImagePart {
  type: 'image';
  url?: string;
  data?: string;
  mediaType?: string;
  /** How closely the model looks at it, if the provider supports that. */
  detail?: 'auto' | 'low' | 'high' | 'original';
}

/** Sound, as base64 `data`; `mediaType` such as `audio/wav` or `audio/mpeg`. */
export interface AudioPart {
  type: 'audio';
  data: string;
  mediaType: string;
}

/**
 * A document; in a reply, an image or a sound that the model made. It has a `url`, base64 `data` with its `mediaType`, or the
 * provider's `fileId`.
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

/** Arguments of a tool call that could not be parsed. */
export interface InvalidArguments {
  /** The arguments as the model wrote them, truncated if they are longer than the limit. */
  raw: string;
  /** What is wrong with them, in one sentence that does not quote them. */
  reason: string;
}

/** A finished tool call of the model, with parsed `arguments`. */
export interface ToolCallPart {
  type: 'tool_call';
  id: string;
  name: string;
  arguments: unknown;
  /** The provider has already run the tool: do not run it again. */
  providerExecuted?: true;
  /** The arguments could not be parsed: `arguments` is `{}`, and the call must not be run. */
  invalid?: InvalidArguments;
  block?: ProviderBlock;
}

/** The answer of a tool. `id` is the id of the call. */
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

/** A block that only its provider understands. It keeps its position among the other parts. */
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
  /** The speaker's name, for providers that have such a field. */
  name?: string;
  /** The reply was cancelled, failed or was interrupted during this message, or before all of its tool calls were answered. */
  partial?: true;
}

/** The text of a message: its text parts joined. */
export function textOf(message: Message): string {
  if (typeof message.content === 'string') return message.content;
  let text = '';
  for (const part of message.content) if (part.type === 'text') text += part.text;
  return text;
}

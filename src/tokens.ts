import type { Message, Part } from './messages.ts';
import type { ModelRequest } from './request.ts';

/** English text of today's tokenizers: about four characters a token (OpenAI's help page "What are tokens"). */
const CHARACTERS_PER_TOKEN = 4;
/** Roles and separators around each message, as OpenAI's cookbook counts them. */
const TOKENS_PER_MESSAGE = 4;
/** An image of middling size: OpenAI counts 85 for low detail to 1,105 for 1024 x 1024, Anthropic up to 1,600. */
const TOKENS_PER_IMAGE = 1_000;

/** A rough count of the tokens of a text or of that many characters, at least 1 where there is any text. */
export function estimateTokens(text: string | number): number {
  return Math.ceil((typeof text === 'string' ? text.length : text) / CHARACTERS_PER_TOKEN);
}

/** A rough count of the input tokens of a request: messages, tools and images. */
export function estimateInputTokens(request: ModelRequest): number {
  let tokens = 0;
  for (const message of request.messages) tokens += TOKENS_PER_MESSAGE + messageTokens(message);
  if (request.tools !== undefined && request.tools.length > 0)
    tokens += estimateTokens(JSON.stringify(request.tools));
  return tokens;
}

function messageTokens(message: Message): number {
  if (typeof message.content === 'string') return estimateTokens(message.content);
  return message.content.reduce((sum, part) => sum + partTokens(part), 0);
}

function partTokens(part: Part): number {
  switch (part.type) {
    case 'text':
    case 'thinking':
      return estimateTokens(part.text);
    case 'image':
      return TOKENS_PER_IMAGE;
    case 'audio':
    case 'file':
      return estimateTokens(part.data?.length ?? 0);
    case 'tool_call':
      return estimateTokens(part.name.length + (JSON.stringify(part.arguments) ?? '').length);
    case 'tool_result':
      return typeof part.content === 'string'
        ? estimateTokens(part.content)
        : part.content.reduce((sum, inner) => sum + partTokens(inner), 0);
    case 'provider':
      return estimateTokens((JSON.stringify(part.block.data) ?? '').length);
  }
}

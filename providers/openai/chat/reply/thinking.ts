import { isRecord, text } from '../../../wire/index.ts';

type Fields = Record<string, unknown>;

/**
 * The thinking in a delta. Servers put the same words into two or three fields, so only one is read. `reasoning_content`:
 * DeepSeek, vLLM, xAI, LiteLLM; `reasoning`: OpenRouter, Groq, Ollama; `reasoning_text`: Copilot; the lists: OpenRouter,
 * MiniMax and LiteLLM.
 */
export function thinkingOf(delta: Fields): string {
  return (
    words(delta['reasoning_content']) ||
    words(delta['reasoning']) ||
    words(delta['reasoning_text']) ||
    words(delta['reasoning_details']) ||
    words(delta['thinking_blocks']) ||
    words(delta['thinking'])
  );
}

/** The text in a string, in an object with a text, or in a list of both. */
function words(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(words).join('');
  if (!isRecord(value)) return '';
  return (
    text(value['text']) || text(value['summary']) || text(value['thinking']) || text(value['content']) || ''
  );
}

/** Whether the content of a delta is thinking. Gemini says so in another field. */
export function isThought(extra: unknown): boolean {
  if (!isRecord(extra)) return false;
  return Object.values(extra).some((vendor) => isRecord(vendor) && vendor['thought'] === true);
}

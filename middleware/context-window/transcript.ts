import type { Message, Part } from '../../src/index.ts';

const NAMES = { user: 'User', assistant: 'Assistant', tool: 'Tool', system: 'System' } as const;

/** Messages as one text for a model. Thinking and binary data are left out. */
export function transcriptOf(messages: readonly Message[]): string {
  return messages
    .map(({ role, name, content }) => {
      const said = typeof content === 'string' ? content : content.map(lineOf).filter(Boolean).join('\n');
      return `${NAMES[role]}${name === undefined ? '' : ` (${name})`}: ${said}`;
    })
    .join('\n\n');
}

function lineOf(part: Part): string {
  switch (part.type) {
    case 'text':
      return part.text;
    case 'image':
    case 'audio':
      return `[${part.type}]`;
    case 'file':
      return part.filename === undefined ? '[file]' : `[file ${part.filename}]`;
    case 'tool_call':
      return `[calls ${part.name} with ${JSON.stringify(part.arguments)}]`;
    case 'tool_result': {
      const said = typeof part.content === 'string' ? part.content : part.content.map(lineOf).join('\n');
      return `[${part.name} ${part.isError === true ? 'failed' : 'answered'}] ${said}`;
    }
    case 'thinking':
    case 'provider':
      return '';
  }
}

/**
 * Shortens a text until it weighs at most `limit`. Its start or its end is kept. A surrogate pair is never split. Returns an empty text if less than
 * 16 characters would fit.
 */
export function clipped(
  text: string,
  limit: number,
  keep: 'start' | 'end',
  weigh: (text: string) => number,
): string {
  let kept = text;
  for (let weight = weigh(kept); weight > limit; weight = weigh(kept)) {
    const length = Math.floor((kept.length * Math.max(limit, 0) * 0.95) / weight);
    if (length < 16) return '';
    kept = (keep === 'start' ? kept.slice(0, length) : kept.slice(-length)).toWellFormed();
  }
  return kept;
}

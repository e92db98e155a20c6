import type { StreamChunk } from '../chunks.ts';
import type { Message, Part, ToolCallPart, ToolResultPart } from '../messages.ts';

/** The calls of a message that its provider has not run itself. */
export function callsOf({ content }: Message): ToolCallPart[] {
  if (typeof content === 'string') return [];
  return content
    .filter((part) => part.type === 'tool_call')
    .filter(({ providerExecuted }) => providerExecuted !== true);
}

/** The chunks that add up to a stored message of the model, for a layer that says it again. `call`: their number. */
export function chunksOf({ content }: Message, call?: number): StreamChunk[] {
  if (typeof content === 'string')
    return content === '' ? [] : [chunkAgain({ type: 'content', content }, call)];
  return content.flatMap((part) => {
    const chunk = chunkOf(part);
    return chunk === undefined ? [] : [chunkAgain(chunk, call)];
  });
}

function chunkAgain(chunk: StreamChunk, call: number | undefined): StreamChunk {
  return saidAgain(call === undefined ? chunk : { ...chunk, call });
}

/** Marks a chunk that an earlier run of the turn has said. */
export function saidAgain(chunk: StreamChunk): StreamChunk {
  return { ...chunk, replayed: true };
}

/** The text of the result of a tool, for its chunk. Parts that are no text are named. */
export function textOfResult(content: ToolResultPart['content']): string {
  if (typeof content === 'string') return content;
  return content
    .map((part) => (part.type === 'text' ? part.text : `(${part.type}: ${part.mediaType ?? 'unknown type'})`))
    .join('\n');
}

function chunkOf(part: Part): StreamChunk | undefined {
  switch (part.type) {
    case 'text': {
      const { type: _type, text, ...rest } = part;
      return { type: 'content', content: text, ...rest };
    }
    case 'thinking': {
      const { type: _type, text, ...rest } = part;
      return { type: 'thinking', content: text, ...rest };
    }
    case 'tool_call':
      return { ...part };
    case 'tool_result': {
      const { content } = part;
      const parts = typeof content === 'string' ? undefined : { parts: content };
      return {
        ...part,
        content: textOfResult(content),
        ...parts,
        isError: part.isError === true,
      };
    }
    case 'provider':
      return { type: 'content', content: '', block: part.block };
    case 'file': {
      const { mediaType = 'application/octet-stream', data, url, id, block } = part;
      return {
        ...{ type: 'file', mediaType },
        ...(data !== undefined && { data }),
        ...(url !== undefined && { url }),
        ...(id !== undefined && { id }),
        ...(block !== undefined && { block }),
      };
    }
    case 'image':
    case 'audio':
      // No reply has them: what a model makes is a file.
      return undefined;
  }
}

import type { Message, Part, StreamChunk } from '../../../src/index.ts';

/** A message of the model as chunks with a number, for a loop that says a recorded round again. */
export function chunksOf({ content }: Message, call: number): StreamChunk[] {
  if (typeof content === 'string')
    return content === '' ? [] : [saidAgain({ type: 'content', content, call })];
  return content.flatMap((part) => chunkOf(part, call) ?? []).map(saidAgain);
}

/** Marks a chunk that an earlier run of the turn has said. */
export function saidAgain(chunk: StreamChunk): StreamChunk {
  return { ...chunk, replayed: true };
}

function chunkOf(part: Part, call: number): StreamChunk | undefined {
  switch (part.type) {
    case 'text': {
      const { type: _type, text, ...rest } = part;
      return { type: 'content', content: text, ...rest, call };
    }
    case 'thinking': {
      const { type: _type, text, ...rest } = part;
      return { type: 'thinking', content: text, ...rest, call };
    }
    case 'tool_call':
      return { ...part, call };
    case 'tool_result':
      return {
        ...part,
        content: textOf(part.content),
        ...(typeof part.content !== 'string' && { parts: part.content }),
        isError: part.isError === true,
        call,
      };
    case 'provider':
      return { type: 'content', content: '', block: part.block, call };
    case 'file': {
      const { mediaType = 'application/octet-stream', data, url, id, block } = part;
      return {
        ...{ type: 'file', mediaType, call },
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

function textOf(content: string | readonly { type: string; text?: string }[]): string {
  return typeof content === 'string' ? content : content.map(({ text = '' }) => text).join('');
}

import type { ExecutionChunk } from '../../src/index.ts';
import { cleaner, jsonLine } from '../clean-text.ts';
import type { OutputWriter } from '../output-writer.ts';

/** Prints one reply, chunk by chunk. */
export interface Renderer {
  /** Prints a chunk. Returns a promise if the reader of the output is slow. */
  chunk(chunk: ExecutionChunk): Promise<void> | undefined;
  /** Called after the last chunk, also if the reply was stopped. */
  end(): void;
}

/** Whether a chunk only says again what the user has seen before the turn went on. */
export function isReplayed(chunk: ExecutionChunk): boolean {
  return 'replayed' in chunk && chunk.replayed === true;
}

/** Prints every chunk as one line of JSON. */
export function jsonRenderer(output: OutputWriter): Renderer {
  return {
    chunk: (chunk) => output.write(`${jsonLine(chunk)}\n`),
    end: () => undefined,
  };
}

/** How a reply is printed as text. */
export interface TextOptions {
  /** How thinking is styled; undefined leaves it out. */
  thinking: ((text: string) => string) | undefined;
}

/** Prints text that ends with a newline. Thinking is printed before it, separated by a blank line. */
export function textRenderer(output: OutputWriter, { thinking }: TextOptions): Renderer {
  const clean = { thinking: cleaner(), content: cleaner() };
  let section: 'none' | 'thinking' | 'content' = 'none';
  let atLineStart = true;

  function write(
    next: 'thinking' | 'content',
    text: string,
    style: (text: string) => string,
  ): Promise<void> | undefined {
    if (text === '') return undefined;
    const gap = section === 'none' || section === next ? '' : atLineStart ? '\n' : '\n\n';
    const label = section !== next && next === 'thinking' ? 'thinking: ' : '';
    section = next;
    atLineStart = text.endsWith('\n');
    return output.write(gap + style(label + text));
  }

  function breakLine(): Promise<void> | undefined {
    const wait = atLineStart ? undefined : output.write('\n');
    atLineStart = true;
    return wait;
  }

  return {
    chunk(chunk) {
      if (isReplayed(chunk)) return undefined;
      if (chunk.type === 'content') return write('content', clean.content(chunk.content), (text) => text);
      if (chunk.type === 'thinking' && thinking !== undefined) {
        return write('thinking', clean.thinking(chunk.content), thinking);
      }
      // The discarded text is already printed. At least the new text starts on a new line. So does the line about a tool.
      return chunk.type === 'reset' || chunk.type === 'tool_call' ? breakLine() : undefined;
    },
    end: () => void breakLine(),
  };
}

import type { ExecutionChunk } from '../../src/index.ts';
import { cleaner } from '../clean-text.ts';
import type { Outlet } from '../outlet.ts';

/** Prints one reply, chunk by chunk. */
export interface Renderer {
  /** A promise where the output is behind. */
  chunk(chunk: ExecutionChunk): Promise<void> | undefined;
  /** After the last chunk, also where the reply was cut off. */
  end(): void;
}

/** Prints every chunk as one line of JSON. */
export function jsonRenderer(output: Outlet): Renderer {
  return {
    chunk: (chunk) => output.write(`${jsonLine(chunk)}\n`),
    end: () => undefined,
  };
}

/** How a reply is printed as text. */
export interface TextOptions {
  /** Show thinking, through this style; undefined leaves it out. */
  thinking: ((text: string) => string) | undefined;
}

/** Prints text, and ends it with a newline. Thinking comes before it, apart. */
export function textRenderer(output: Outlet, { thinking }: TextOptions): Renderer {
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
      if (chunk.type === 'content') return write('content', clean.content(chunk.content), (text) => text);
      if (chunk.type === 'thinking' && thinking !== undefined) {
        return write('thinking', clean.thinking(chunk.content), thinking);
      }
      // What is void now has been printed: at least the new text starts on a line of its own.
      return chunk.type === 'reset' ? breakLine() : undefined;
    },
    end: () => void breakLine(),
  };
}

/** JSON whose control characters are all escaped, the 8-bit ones too, which a terminal would obey. */
function jsonLine(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007F-\u009F]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

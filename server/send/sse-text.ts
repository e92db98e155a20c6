import type { Frame } from '../formats/format.ts';

/** A frame as text of a stream of server-sent events. Line ends within the data begin further `data` lines, so that it stays one event whatever it holds. */
export function sseText({ event, data }: Frame, id: string | undefined): string {
  const head = `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}`;
  if (!LINE_END.test(data)) return `${head}data: ${data}\n\n`;
  return `${head}data: ${data.split(LINE_END).join('\ndata: ')}\n\n`;
}

const LINE_END = /\r\n|\r|\n/;

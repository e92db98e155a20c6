import type { StreamChunk } from '../chunks.ts';
import { SluiceError, kindOf } from '../errors.ts';
import { ignored } from '../kit/thrown.ts';
import { middlewareError } from '../middleware-error.ts';

/** Whether a value is a chunk as its type says; plain JavaScript may give anything. It runs for every chunk, and so checks only what its callers read. */
export function isChunk(chunk: StreamChunk | undefined): boolean {
  switch (chunk?.type) {
    case 'content':
    case 'thinking':
      return typeof chunk.content === 'string';
    case 'tool_call_delta':
      return typeof chunk.argumentsDelta === 'string';
    case 'tool_call':
    case 'tool_progress':
      return typeof chunk.id === 'string' && typeof chunk.name === 'string';
    case 'tool_result':
      return (
        typeof chunk.id === 'string' &&
        typeof chunk.name === 'string' &&
        (chunk.parts === undefined || Array.isArray(chunk.parts))
      );
    case 'file':
      return (
        typeof chunk.mediaType === 'string' &&
        (typeof chunk.data === 'string' || typeof chunk.url === 'string')
      );
    case 'reset':
      return Number.isSafeInteger(chunk.from) && chunk.from >= 0;
    default:
      return false;
  }
}

/** The error for a value that is not a chunk. `name` is the middleware that gave it, if that is known. */
export function chunkError(name: string | undefined, chunk: unknown): SluiceError {
  // It may be the promise of an async map().
  ignored(chunk);
  const said = `gave a chunk that is ${faultOf(chunk)}.`;
  return name === undefined
    ? new SluiceError('middleware', `A middleware ${said}`)
    : middlewareError(name, said);
}

function faultOf(chunk: unknown): string {
  const advice = "give chunks such as { type: 'content', content: 'text' }";
  if (typeof chunk !== 'object' || chunk === null) return `${kindOf(chunk)}: ${advice}`;
  const type: unknown = 'type' in chunk ? chunk.type : undefined;
  if (typeof type !== 'string') return `an object whose type is ${kindOf(type)}: ${advice}`;
  if (type === 'reset') {
    const from: unknown = 'from' in chunk ? chunk.from : undefined;
    const found = typeof from === 'number' ? String(from) : kindOf(from);
    return `a reset from ${found}: give a whole number, 0 for all that this run of the layer has given`;
  }
  return `of type ${JSON.stringify(type.slice(0, 40))}, which has no such fields or does not exist: ${advice}`;
}

import type { ProviderBlock } from '../../src/index.ts';
import { isRecord } from '../requests/read.ts';
import { CitedText, pageOf } from './citations.ts';
import { textOfInput } from './client-calls.ts';
import type { WireTool } from './format.ts';

/** An item of a response's output, as JSON. */
export type OutputItem = Record<string, unknown> & { id: string };

/** An event of a response without its number. */
export type ResponseEvent = Record<string, unknown> & { type: string };

/** An item of the output that is being written. */
export interface OpenItem {
  readonly index: number;
  /** What follows of a piece. */
  add(text: string): ResponseEvent[];
  /** What closes it. `status`: `incomplete` if the reply was cut. */
  close(status: 'completed' | 'incomplete'): { item: OutputItem; events: ResponseEvent[] };
}

/** Opens an item: what announces it. */
export interface Opened {
  open: OpenItem;
  events: ResponseEvent[];
}

/** A message that is being written. */
export interface OpenMessage extends OpenItem {
  /** Adds what a provider cites, if the protocol has a form for it. `call`: the number of the model call. */
  cite(citations: readonly unknown[], call: number): ResponseEvent[];
  add(text: string, call?: number): ResponseEvent[];
  /** What the message is for, as the model says: on the way, or the answer. Clients send it back. */
  setPhase(phase: string): void;
}

/** A message of the assistant, with one part of text or of a refusal. */
export function openMessage(
  id: string,
  index: number,
  kind: 'output_text' | 'refusal',
): { open: OpenMessage; events: ResponseEvent[] } {
  const of = { item_id: id, output_index: index, content_index: 0 };
  const isText = kind === 'output_text';
  const extra = isText ? { logprobs: [] } : {};
  const annotations: Record<string, unknown>[] = [];
  const cited = new CitedText();
  let phase: string | undefined;
  const part = (text: string): Record<string, unknown> =>
    isText
      ? { type: kind, text, annotations: [...annotations], logprobs: [] }
      : { type: kind, refusal: text };
  const message = (status: string, content: unknown[]): OutputItem => ({
    ...{ id, type: 'message', status, role: 'assistant', content },
    ...(phase !== undefined && { phase }),
  });
  let said = '';
  return {
    events: [
      { type: 'response.output_item.added', output_index: index, item: message('in_progress', []) },
      { type: 'response.content_part.added', ...of, part: part('') },
    ],
    open: {
      index,
      add(text, call = 0) {
        said += text;
        cited.add(text, call);
        return [{ type: `response.${kind}.delta`, ...of, delta: text, ...extra }];
      },
      cite(citations, call) {
        cited.add('', call);
        return citations.flatMap((citation) => {
          const annotation = annotationOf(citation, cited);
          if (annotation === undefined) return [];
          const annotation_index = annotations.push(annotation) - 1;
          return { type: 'response.output_text.annotation.added', ...of, annotation_index, annotation };
        });
      },
      setPhase: (given) => void (phase = given),
      close(status) {
        const item = message(status, [part(said)]);
        return {
          item,
          events: [
            { type: `response.${kind}.done`, ...of, [isText ? 'text' : 'refusal']: said, ...extra },
            { type: 'response.content_part.done', ...of, part: part(said) },
            { type: 'response.output_item.done', output_index: index, item },
          ],
        };
      },
    },
  };
}

/** The phase of a message of Responses, from what its provider wants back of it. */
export function phaseOf(block: ProviderBlock | undefined): string | undefined {
  if (block?.provider !== 'openai.responses' || !isRecord(block.data)) return undefined;
  const { type, phase } = block.data;
  return type === 'message' && typeof phase === 'string' ? phase : undefined;
}

/** The other citations of the protocol, which its provider gives. */
const FILE_CITATIONS: ReadonlySet<unknown> = new Set([
  ...['file_citation', 'container_file_citation', 'file_path'],
]);

/** Whether the protocol has a form for a citation. */
export function isAnnotation(citation: unknown): boolean {
  return isFileCitation(citation) || pageOf(citation) !== undefined;
}

function isFileCitation(citation: unknown): citation is Record<string, unknown> {
  return isRecord(citation) && FILE_CITATIONS.has(citation['type']);
}

function annotationOf(citation: unknown, text: CitedText): Record<string, unknown> | undefined {
  if (isFileCitation(citation)) return citation;
  const page = text.page(citation);
  if (page === undefined) return undefined;
  const { url, title, start, end } = page;
  return { type: 'url_citation', url, title, start_index: start, end_index: end };
}

/** A reasoning item that is being written. */
export interface OpenReasoning extends OpenItem {
  /** Sets what the client sends back with the next request. */
  seal(encrypted: string | undefined): void;
}

/** Thinking, as a reasoning item with one part of summary. The part is announced with its first text: sealed thinking may have none. */
export function openReasoning(id: string, index: number): { open: OpenReasoning; events: ResponseEvent[] } {
  const of = { item_id: id, output_index: index, summary_index: 0 };
  const part = (text: string): Record<string, unknown> => ({ type: 'summary_text', text });
  const reasoning = (summary: unknown[], more: Record<string, unknown>): OutputItem => ({
    ...{ id, type: 'reasoning', summary, ...more },
  });
  let said = '';
  let encrypted: string | undefined;
  return {
    events: [{ type: 'response.output_item.added', output_index: index, item: reasoning([], {}) }],
    open: {
      index,
      seal(text) {
        encrypted = text;
      },
      add(text) {
        const begins = said === '';
        said += text;
        return [
          ...(begins ? [{ type: 'response.reasoning_summary_part.added', ...of, part: part('') }] : []),
          { type: 'response.reasoning_summary_text.delta', ...of, delta: text },
        ];
      },
      close() {
        const sealed = encrypted === undefined ? {} : { encrypted_content: encrypted };
        const item = reasoning(said === '' ? [] : [part(said)], sealed);
        const done = { type: 'response.output_item.done', output_index: index, item };
        if (said === '') return { item, events: [done] };
        return {
          item,
          events: [
            { type: 'response.reasoning_summary_text.done', ...of, text: said },
            { type: 'response.reasoning_summary_part.done', ...of, part: part(said) },
            done,
          ],
        };
      },
    },
  };
}

/** What a call says of its tool. */
type CallName = Pick<WireTool, 'name' | 'namespace'>;

/** A call of a function of the client. */
export function openCall(id: string, index: number, callId: string, of: CallName): Opened {
  const name = nameOf(of);
  const place = { item_id: id, output_index: index };
  const call = (status: string, json: string): OutputItem => ({
    ...{ id, type: 'function_call', status, call_id: callId, ...name, arguments: json },
  });
  let said = '';
  return {
    events: [{ type: 'response.output_item.added', output_index: index, item: call('in_progress', '') }],
    open: {
      index,
      add(text) {
        said += text;
        return text === '' ? [] : [{ type: 'response.function_call_arguments.delta', ...place, delta: text }];
      },
      close(status) {
        const item = call(status, said);
        const done = {
          type: 'response.function_call_arguments.done',
          ...place,
          name: of.name,
          arguments: said,
        };
        return {
          item,
          events: [
            ...(status === 'completed' ? [done] : []),
            { type: 'response.output_item.done', output_index: index, item },
          ],
        };
      },
    },
  };
}

/** A call of a tool of the client that takes a text. It is written when it is whole: what comes before is JSON with the text in it. */
export function openTextCall(id: string, index: number, callId: string, of: CallName): Opened {
  const place = { item_id: id, output_index: index };
  const call = (status: string, input: string): OutputItem => ({
    ...{ id, type: 'custom_tool_call', status, call_id: callId, ...nameOf(of), input },
  });
  let json = '';
  return {
    events: [{ type: 'response.output_item.added', output_index: index, item: call('in_progress', '') }],
    open: {
      index,
      add(text) {
        json += text;
        return [];
      },
      close(status) {
        const input = textOfInput(json);
        const item = call(status, input);
        const texts = [
          ...(input === ''
            ? []
            : [{ type: 'response.custom_tool_call_input.delta', ...place, delta: input }]),
          { type: 'response.custom_tool_call_input.done', ...place, input },
        ];
        return {
          item,
          events: [
            ...(status === 'completed' ? texts : []),
            { type: 'response.output_item.done', output_index: index, item },
          ],
        };
      },
    },
  };
}

function nameOf({ name, namespace }: CallName): CallName {
  return { name, ...(namespace !== undefined && { namespace }) };
}

/** An image, whole. Other files have no item. */
export function imageItem(id: string, data: string): OutputItem {
  return { id, type: 'image_generation_call', status: 'completed', result: data };
}

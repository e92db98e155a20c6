import { OutputError } from '../../src/index.ts';
import type { FinishReason, Message, OutputIssue, StreamChunk } from '../../src/index.ts';
import type { PreparedOutput } from './prepared.ts';
import { readTolerantly } from './tolerant.ts';

/** Makes of what the model wrote what the schema asks for. */
export type Restore = (this: void, written: unknown) => unknown;

/** An answer that matches, or the error of one that does not. `isFinal`: asking again would not help. */
export type Judged = { readonly value: unknown } | { readonly error: OutputError; readonly isFinal: boolean };

/** Why a reply may have ended before its end. The text of such a reply is not read, even if it matches. */
const CUT: Readonly<Partial<Record<FinishReason, string>>> = {
  length: 'the model reached its limit of tokens',
  refusal: 'the model refused to answer',
  content_filter: 'a content filter stopped the answer',
};

/** Checks the answer of a reply. */
export async function judged(
  output: PreparedOutput,
  restore: Restore,
  reply: { finishReason: FinishReason; text: string; isRefusal: boolean },
): Promise<Judged> {
  const { text } = reply;
  const reason = reply.isRefusal ? 'refusal' : reply.finishReason;
  const cut = CUT[reason];
  if (cut !== undefined) {
    const error = new OutputError(`There is no output: ${cut}.`, { reason, text });
    return { error, isFinal: true };
  }
  const read = readTolerantly(text);
  if ('problem' in read) {
    const issues = [{ path: [], message: read.problem }];
    const error = new OutputError(`The answer cannot be read: ${read.problem}.`, { issues, text });
    return { error, isFinal: false };
  }
  const checked = await checkedOutput(output, restore, read.value);
  if ('value' in checked) return checked;
  const error = new OutputError(`The answer does not match the schema: ${inWords(checked.issues)}`, {
    ...{ issues: checked.issues, text, value: read.value },
  });
  return { error, isFinal: false };
}

/** Checks a value that was read. */
export async function checkedOutput(
  output: PreparedOutput,
  restore: Restore,
  written: unknown,
): Promise<{ value: unknown } | { issues: readonly OutputIssue[] }> {
  const checked = await output.check(restore(written));
  return 'value' in checked ? checked : { issues: checked.issues };
}

/** The first things that are wrong. */
export function inWords(issues: readonly OutputIssue[], most = 3): string {
  const said = issues
    .slice(0, most)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
  const more = issues.length > most ? `; and ${issues.length - most} more` : '';
  return `${said.join('; ').replace(/\.$/, '')}${more}.`;
}

/** The text of a reply, what calls it makes, and whether it is a refusal. */
export function readReply(message: Message | undefined): { text: string; hasCalls: boolean } {
  const content = message?.content ?? '';
  if (typeof content === 'string') return { text: content, hasCalls: false };
  const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('');
  const hasCalls = content.some((part) => part.type === 'tool_call' && part.providerExecuted !== true);
  return { text, hasCalls };
}

/** Whether a chunk says that the model refuses. */
export function isRefusal(chunk: StreamChunk): boolean {
  return chunk.type === 'content' && chunk.refusal === true;
}

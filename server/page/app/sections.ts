import type { ChatMessage, ChatState } from '../../../client/index.ts';

type Part = ChatMessage['parts'][number];
type Pending = ChatState['pending'][number];

/** How far a tool call is. */
export type ToolState = 'writing' | 'running' | 'waiting' | 'done' | 'failed' | 'cut';

/** A tool call as it is shown. */
export interface ToolSection {
  kind: 'tool';
  id: string;
  name: string;
  /** What it is called with, as text. */
  input: string;
  output: Part | undefined;
  state: ToolState;
  pending: Pending | undefined;
  progress: unknown;
}

/** A piece of a message as it is shown. */
export type Section =
  | { kind: 'text'; text: string }
  | { kind: 'thinking'; text: string; isOpen: boolean }
  | { kind: 'file'; part: Part & { type: 'file' | 'image' } }
  | ToolSection;

/** What a message consists of on the page: each tool call with its result is one piece, wherever the result came. */
export function sectionsOf(message: ChatMessage, state: ChatState, isLast: boolean): Section[] {
  const sections: Section[] = [];
  const tools = new Map<string, ToolSection>();
  const isStreaming = message.state === 'streaming';
  message.parts.forEach((part, at) => {
    if (part.type === 'text') {
      const last = sections.at(-1);
      if (last?.kind === 'text') last.text += part.text;
      else sections.push({ kind: 'text', text: part.text });
    } else if (part.type === 'thinking') {
      sections.push({
        kind: 'thinking',
        text: part.text,
        isOpen: isStreaming && at === message.parts.length - 1,
      });
    } else if (part.type === 'tool_call') {
      const pending = isLast ? state.pending.find(({ callId }) => callId === part.id) : undefined;
      const tool: ToolSection = {
        ...{
          kind: 'tool',
          id: part.id,
          name: part.name,
          input: part.arguments === undefined ? '' : inputOf(part),
        },
        ...{ output: undefined, pending, progress: isLast ? state.progress[part.id] : undefined },
        state: pending !== undefined ? 'waiting' : isStreaming ? 'running' : 'cut',
      };
      tools.set(part.id, tool);
      sections.push(tool);
    } else if (part.type === 'tool_result') {
      const tool = tools.get(part.id);
      if (tool === undefined) return;
      tool.output = part;
      tool.state = part.isError === true ? 'failed' : 'done';
    } else if (part.type === 'file' || part.type === 'image') {
      sections.push({ kind: 'file', part });
    }
  });
  if (isStreaming)
    for (const { id, name, text } of state.drafts)
      sections.push({
        ...{ kind: 'tool', id, name, input: text, output: undefined },
        ...{ state: 'writing', pending: undefined, progress: undefined },
      });
  return sections;
}

function inputOf(part: Part & { type: 'tool_call' }): string {
  return part.invalid === undefined ? JSON.stringify(part.arguments, undefined, 2) : part.invalid.raw;
}

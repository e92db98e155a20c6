import type { AgUiRun } from './format.ts';

/** One event of AG-UI, or one of its messages, as plain JSON. */
export type AgUiJson = Record<string, unknown>;

/** A tool call in a message of the assistant. */
export interface AgUiCall {
  id: string;
  name: string;
  /** The arguments as JSON text. While the call is open: what has been sent of it. */
  args: string;
  /** Whether the arguments are still coming. */
  isOpen: boolean;
  isAnswered: boolean;
  /** Nobody answers it but its provider. */
  isProviders: boolean;
  call: number;
}

interface Entry {
  id: string;
  /** Whose it is, for resets. */
  call: number;
}

/** Text by the calls of the model that said it. A call may go on with what another one has begun. */
type Text = { call: number; text: string }[];

interface Said extends Entry {
  role: 'assistant';
  content: Text;
  calls: AgUiCall[];
  /** Text is still coming. */
  isOpen: boolean;
}

interface Thought extends Entry {
  role: 'reasoning';
  content: Text;
  encryptedValue?: string;
  isOpen: boolean;
}

interface Result extends Entry {
  role: 'tool';
  toolCallId: string;
  content: unknown;
}

interface Activity extends Entry {
  role: 'activity';
  activityType: string;
  content: AgUiJson;
}

type Message = Said | Thought | Result | Activity;

/** The types of the activities that a run has. */
export const ACTIVITIES = { progress: 'tool_progress', file: 'file' } as const;

/** The messages of a run so far, as the client has them: for snapshots, and for whoever joins. */
export class AgUiMessages {
  readonly #before: AgUiRun['messages'];
  #messages: Message[] = [];
  /** The calls that the client knows: those of the run, and those of its input. */
  readonly #known: Set<string>;
  #hasActivities = false;

  constructor(before: AgUiRun['messages']) {
    this.#before = before;
    this.#known = new Set(before.flatMap(callIdsOf));
  }

  said(id: string, call: number, isOpen: boolean): Said {
    const said: Said = { id, call, role: 'assistant', content: [], calls: [], isOpen };
    this.#messages.push(said);
    return said;
  }

  thought(id: string, call: number): Thought {
    const thought: Thought = { id, call, role: 'reasoning', content: [], isOpen: true };
    this.#messages.push(thought);
    return thought;
  }

  /** The message that a call of the model belongs to: the newest one, unless results lie between. */
  parentOf(): Said | undefined {
    const last = this.#messages.findLast(({ role }) => role === 'assistant' || role === 'tool');
    return last?.role === 'assistant' ? last : undefined;
  }

  called(parent: Said, call: AgUiCall): void {
    parent.calls.push(call);
    this.#known.add(call.id);
  }

  /** Whether the client has the call. */
  knows(id: string): boolean {
    return this.#known.has(id);
  }

  result(id: string, call: number, toolCallId: string, content: unknown): void {
    const of = this.calls().find((one) => one.id === toolCallId);
    if (of !== undefined) of.isAnswered = true;
    this.#messages.push({ id, call, role: 'tool', toolCallId, content });
  }

  activity(id: string, call: number, activityType: string, content: AgUiJson): void {
    this.#hasActivities = true;
    const same = this.#messages.find((one) => one.id === id);
    if (same?.role === 'activity') same.content = content;
    else this.#messages.push({ id, call, role: 'activity', activityType, content });
  }

  /** Whether the client's input has the result of a call. */
  hadResult(id: string): boolean {
    return this.#before.some(({ role, toolCallId }) => role === 'tool' && toolCallId === id);
  }

  /** The calls of the run, in order. */
  calls(): AgUiCall[] {
    return this.#messages.flatMap((message) => (message.role === 'assistant' ? message.calls : []));
  }

  /** Whether a reset voids something that was shown. */
  hasVoid(isVoid: (call: number) => boolean): boolean {
    const isOf = ({ call }: { call: number }): boolean => isVoid(call);
    return this.#messages.some((message) => {
      if (message.role === 'tool' || message.role === 'activity') return isOf(message);
      return message.content.some(isOf) || (message.role === 'assistant' && message.calls.some(isOf));
    });
  }

  /** Drops what a reset voids. */
  drop(isVoid: (call: number) => boolean): void {
    this.#dropCalls(({ call }) => isVoid(call));
    this.#messages = this.#messages.filter((message) => {
      if (message.role === 'tool' || message.role === 'activity') return !isVoid(message.call);
      message.content = message.content.filter(({ call }) => !isVoid(call));
      // Whose the rest is; an opaque value belongs to the call that began the message.
      if (message.role === 'assistant') return message.content.length > 0 || message.calls.length > 0;
      return message.content.length > 0 || !isVoid(message.call);
    });
  }

  /** Drops calls whose arguments never became whole. False if there are none. */
  dropOpenCalls(): boolean {
    return this.#dropCalls(({ isOpen }) => isOpen);
  }

  /** What is open, in order: the rest of it is still to come. */
  open(): (Said | Thought)[] {
    return this.#messages.filter(
      (message): message is Said | Thought =>
        (message.role === 'assistant' && (message.isOpen || message.calls.some(({ isOpen }) => isOpen))) ||
        (message.role === 'reasoning' && message.isOpen),
    );
  }

  /**
   * All messages, first those of the client's input. A client keeps its own reasoning if a snapshot has none, and its activities: an empty piece of reasoning, and the names
   * of the types, say that this is all. What is open is left out: it is told again from its beginning.
   */
  snapshot(placeholderId: string): AgUiJson {
    const messages: AgUiJson[] = this.#before.map((message) => ({ ...message }));
    for (const message of this.#messages) {
      const json = jsonOf(message);
      if (json === undefined) continue;
      if (message.role === 'tool') insertResult(messages, message.toolCallId, json);
      else messages.push(json);
    }
    if (!messages.some(({ role }) => role === 'reasoning'))
      messages.push({ id: placeholderId, role: 'reasoning', content: '' });
    const types = { authoritativeActivityTypes: Object.values(ACTIVITIES) };
    return {
      type: 'MESSAGES_SNAPSHOT',
      messages,
      ...(this.#hasActivities && { metadata: { '@ag-ui/client': types } }),
    };
  }

  #dropCalls(isDropped: (call: AgUiCall) => boolean): boolean {
    let found = false;
    for (const message of this.#messages) {
      if (message.role !== 'assistant') continue;
      message.calls = message.calls.filter((call) => {
        if (!isDropped(call)) return true;
        this.#known.delete(call.id);
        found = true;
        return false;
      });
    }
    return found;
  }
}

/** Adds what a call says. */
export function addText(text: Text, call: number, more: string): void {
  const last = text.at(-1);
  if (last?.call === call) last.text += more;
  else text.push({ call, text: more });
}

/** The whole text. */
export function textOf(text: Text): string {
  return text.map((piece) => piece.text).join('');
}

function jsonOf(message: Message): AgUiJson | undefined {
  const { id, role, content } = message;
  switch (role) {
    case 'assistant': {
      const calls = message.calls.filter(({ isOpen }) => !isOpen);
      const text = message.isOpen ? '' : textOf(message.content);
      if (calls.length === 0 && text === '') return undefined;
      return {
        ...{ id, role },
        ...(text !== '' && { content: text }),
        ...(calls.length > 0 && { toolCalls: calls.map(callJson) }),
      };
    }
    case 'reasoning': {
      const { encryptedValue, isOpen } = message;
      if (isOpen) return undefined;
      return {
        id,
        role,
        content: textOf(message.content),
        ...(encryptedValue !== undefined && { encryptedValue }),
      };
    }
    case 'tool':
      return { id, role, toolCallId: message.toolCallId, content };
    case 'activity':
      return { id, role, activityType: message.activityType, content };
  }
}

function callJson({ id, name, args }: AgUiCall): AgUiJson {
  return { id, type: 'function', function: { name, arguments: args } };
}

/** A result follows its call, and the results of that reply that are there already: the client puts it there, too. */
function insertResult(messages: AgUiJson[], toolCallId: string, result: AgUiJson): void {
  const owner = messages.findIndex((message) => callIdsOf(message).includes(toolCallId));
  if (owner < 0) {
    messages.push(result);
    return;
  }
  let at = owner + 1;
  while (messages[at]?.['role'] === 'tool') at++;
  messages.splice(at, 0, result);
}

function callIdsOf(message: Readonly<AgUiJson>): string[] {
  const calls = message['toolCalls'];
  if (!Array.isArray(calls)) return [];
  return calls.flatMap((call: unknown) => {
    const id: unknown = typeof call === 'object' && call !== null ? Reflect.get(call, 'id') : undefined;
    return typeof id === 'string' ? [id] : [];
  });
}

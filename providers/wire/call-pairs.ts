import type { Message, Part, ToolCallPart, ToolResultPart } from '../../src/index.ts';
import { WireIds, type IdRule } from './call-ids.ts';

/** How a wire sees the tool calls of a conversation. */
export interface CallWire {
  rule: IdRule;
  /** The id in the verbatim form of a part, if that form goes back. */
  keptId(part: Part): string | undefined;
  /** The server knows of calls that the messages do not hold: a result may answer one of those. */
  hasEarlier?: boolean;
  /** Says what is left out. */
  refuse(message: string): void;
}

/**
 * The messages of a request with each tool call and its result under one id that the wire takes and that occurs once. A result
 * answers the call of its id in the reply before it. Left out are results that nobody asked for, that come after the next
 * reply (with their call, which would stay without an answer), and that answer a call again. Messages in which nothing
 * changes are the same objects, and each message keeps its place.
 */
export function pairedCalls(messages: readonly Message[], wire: CallWire): readonly Message[] {
  if (!messages.some(({ content }) => typeof content !== 'string' && content.some(isCallOrResult))) {
    return messages;
  }
  const pairing = new Pairing(messages, wire);
  messages.forEach((message, at) => {
    pairing.add(message, at);
  });
  return pairing.messages();
}

interface Call {
  part: ToolCallPart;
  /** On the wire. */
  id: string;
  /** The places of its message and of its part in there. */
  at: number;
  index: number;
}

/** Calls by the id that the conversation has for them. */
type Calls = Map<string, Call[]>;

class Pairing {
  readonly #messages: readonly Message[];
  readonly #wire: CallWire;
  readonly #ids: WireIds;
  /** Calls of the last reply that have no result yet. */
  #open: Calls = new Map();
  /** Calls of earlier replies that got none. */
  readonly #missed: Calls = new Map();
  readonly #answered = new Set<string>();
  /** Somebody spoke after the last reply: the next one is another reply. */
  #isReplied = false;
  /** The parts of messages in which something changes; undefined: left out. */
  readonly #changed: (Part | undefined)[][] = [];

  constructor(messages: readonly Message[], wire: CallWire) {
    this.#messages = messages;
    this.#wire = wire;
    this.#ids = new WireIds(wire.rule);
  }

  add({ role, content }: Message, at: number): void {
    if (role === 'system') return;
    if (role !== 'assistant') this.#isReplied = true;
    else if (this.#isReplied) this.#nextReply();
    if (typeof content === 'string') return;
    content.forEach((part, index) => {
      if (role !== 'assistant') {
        if (part.type === 'tool_result' && part.providerExecuted !== true) this.#answer(part, at, index);
      } else if (part.type === 'tool_call' && part.providerExecuted !== true) {
        this.#call(part, at, index);
      } else {
        const kept = this.#wire.keptId(part);
        if (kept !== undefined) this.#ids.reserve(kept);
      }
    });
  }

  messages(): readonly Message[] {
    if (this.#changed.length === 0) return this.#messages;
    return this.#messages.map((message, at) => {
      const changed = this.#changed[at];
      if (changed === undefined) return message;
      const content = changed.filter((part) => part !== undefined);
      // Thinking belongs to the call that it led to, and is refused without anything after it.
      if (content.length < changed.length) while (content.at(-1)?.type === 'thinking') content.pop();
      // Its results are gone and it held nothing else: as a user's it would count as one that says nothing.
      if (content.length === 0 && message.role === 'user') return { role: 'tool', content };
      return { ...message, content };
    });
  }

  #nextReply(): void {
    this.#isReplied = false;
    if (this.#open.size === 0) return;
    for (const call of [...this.#open.values()].flat()) append(this.#missed, call);
    this.#open = new Map();
  }

  #call(part: ToolCallPart, at: number, index: number): void {
    const id = this.#ids.name(this.#wire.keptId(part) ?? part.id);
    append(this.#open, { part, id, at, index });
    if (id !== part.id) this.#change(at, index, { ...part, id });
  }

  #answer(part: ToolResultPart, at: number, index: number): void {
    const call = takeFor(part, this.#open);
    if (call !== undefined) {
      this.#answered.add(part.id);
      if (call.id !== part.id) this.#change(at, index, { ...part, id: call.id });
      return;
    }
    if (this.#wire.hasEarlier === true && !this.#answered.has(part.id) && !this.#missed.has(part.id)) return;
    this.#change(at, index, undefined);
    const missed = this.#missed.get(part.id)?.pop();
    if (missed !== undefined) {
      this.#change(missed.at, missed.index, undefined);
      this.#wire.refuse(
        `a result of the tool ${part.name} comes after the next reply, it is left out with its call`,
      );
    } else if (this.#answered.has(part.id)) {
      this.#wire.refuse(`a call of the tool ${part.name} has its result already, another one is left out`);
    } else {
      this.#wire.refuse(`a result of the tool ${part.name} answers no call, it is left out`);
    }
  }

  #change(at: number, index: number, part: Part | undefined): void {
    const parts = (this.#changed[at] ??= [...partsOf(this.#messages[at])]);
    parts[index] = part;
  }
}

function append(calls: Calls, call: Call): void {
  const same = calls.get(call.part.id);
  if (same === undefined) calls.set(call.part.id, [call]);
  else same.push(call);
}

/** Takes the call that a result answers. Of several with its id that is the first of its tool, else the first. */
function takeFor(part: ToolResultPart, calls: Calls): Call | undefined {
  const same = calls.get(part.id);
  if (same === undefined) return undefined;
  const index = same.findIndex((call) => call.part.name === part.name);
  return same.splice(Math.max(index, 0), 1)[0];
}

function isCallOrResult({ type }: Part): boolean {
  return type === 'tool_call' || type === 'tool_result';
}

function partsOf(message: Message | undefined): readonly Part[] {
  return message === undefined || typeof message.content === 'string' ? [] : message.content;
}

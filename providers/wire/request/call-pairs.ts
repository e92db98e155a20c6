import type { Message, Part, ToolCallPart, ToolDefinition, ToolResultPart } from '../../../src/index.ts';
import type { Unsupported } from './unsupported.ts';
import { UNKNOWN_TOOL } from '../calls/tool-names.ts';
import { WireIds, type IdRule } from './call-ids.ts';

/** How an API treats the tool calls of a conversation. */
export interface CallWire {
  rule: IdRule;
  /** The id in the original form of a part, if that form is sent back. */
  ownId(part: Part): string | undefined;
  /** The id of a call that the server needs back as it gave it. All other calls have the id of their part, which a layer may have changed. */
  serverId(part: ToolCallPart): string | undefined;
  /** Whether the server knows calls that the messages do not hold. A result may then answer one of those. */
  hasEarlier?: boolean;
  /** The tools of the request. */
  tools: readonly ToolDefinition[] | undefined;
  unsupported: Unsupported;
}

/**
 * The messages of a request, with each tool call and its result under one unique id that the API takes. A result answers
 * the call with its id in the reply before it. Three kinds of results are left out: those without a call, those that come
 * after the next reply (their call is left out, too, because it would have no result), and those that answer a call again.
 * Models make up names of tools, such as `multi_tool_use.parallel`, that the APIs refuse: those are changed. A message that does not change is the same
 * object, and each message keeps its position.
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

const LONGEST_NAME = 64;
/** The names that all APIs take. */
const USUAL_NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/** A call without a result. */
interface Call {
  /** The name of the tool. */
  name: string;
  /** The id to send. */
  id: string;
  /** The number of its reply. */
  reply: number;
  /** The positions of its message and of its part in the message. */
  at: number;
  index: number;
}

class Pairing {
  readonly #messages: readonly Message[];
  readonly #wire: CallWire;
  readonly #ids: WireIds;
  /**
   * The calls without a result, in order, by the id that the conversation has for them. If all calls of an id have a
   * result, its list is empty.
   */
  readonly #calls = new Map<string, Call[]>();
  /** How many replies there were. Consecutive messages of the model are one reply. */
  #reply = 0;
  /** Whether a message followed the last reply. */
  #isReplied = true;
  /** The parts of messages that change. An undefined part is left out. */
  readonly #changed: (Part | undefined)[][] = [];

  constructor(messages: readonly Message[], wire: CallWire) {
    this.#messages = messages;
    this.#wire = wire;
    this.#ids = new WireIds(wire.rule);
  }

  add({ role, content }: Message, at: number): void {
    if (role === 'system') return;
    const isReply = role === 'assistant';
    if (isReply && this.#isReplied) this.#reply++;
    this.#isReplied = !isReply;
    if (typeof content === 'string') return;
    content.forEach((part, index) => {
      if (!isReply) {
        if (part.type === 'tool_result' && part.providerExecuted !== true) this.#answer(part, at, index);
      } else if (part.type === 'tool_call' && part.providerExecuted !== true) {
        this.#call(part, at, index);
      } else {
        const kept = this.#wire.ownId(part);
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
      // Thinking belongs to the call that followed it. The API refuses thinking that nothing follows.
      if (content.length < changed.length) while (content.at(-1)?.type === 'thinking') content.pop();
      // The message held nothing but results that are left out. As a message of the user it would count as an empty one.
      if (content.length === 0 && message.role === 'user') return { role: 'tool', content };
      return { ...message, content };
    });
  }

  #call(part: ToolCallPart, at: number, index: number): void {
    const { id, name } = part;
    const serverId = this.#wire.serverId(part);
    const wireId = this.#ids.name(serverId ?? id, serverId !== undefined);
    const call = { name, id: wireId, reply: this.#reply, at, index };
    const same = this.#calls.get(id);
    if (same === undefined) this.#calls.set(id, [call]);
    else same.push(call);
    const sentName = this.#nameOf(name);
    if (wireId !== id || sentName !== name) this.#change(at, index, { ...part, id: wireId, name: sentName });
  }

  /** A name that the request offers stays as it is: some servers take others than the usual ones. */
  #nameOf(name: string): string {
    if (USUAL_NAME.test(name) || this.#wire.tools?.some((tool) => tool.name === name) === true) return name;
    return name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, LONGEST_NAME) || UNKNOWN_TOOL;
  }

  #answer(part: ToolResultPart, at: number, index: number): void {
    const { id, name } = part;
    const calls = this.#calls.get(id);
    if (calls === undefined && this.#wire.hasEarlier === true) return;
    const call = calls === undefined ? undefined : takeFor(name, calls, this.#reply);
    if (call?.reply === this.#reply) {
      if (call.id !== id) this.#change(at, index, { ...part, id: call.id });
      return;
    }
    this.#change(at, index, undefined);
    if (calls === undefined) {
      this.#wire.unsupported(`a result of the tool ${name} answers no call, it is left out`);
    } else if (call === undefined) {
      this.#wire.unsupported(`a call of the tool ${name} already has a result, another one is left out`);
    } else {
      this.#change(call.at, call.index, undefined);
      this.#wire.unsupported(
        `a result of the tool ${name} comes after the next reply, it is left out with its call`,
      );
    }
  }

  #change(at: number, index: number, part: Part | undefined): void {
    const parts = (this.#changed[at] ??= [...partsOf(this.#messages[at])]);
    parts[index] = part;
  }
}

/**
 * Takes the call that a result answers out of the calls with its id: the first of the same tool in the current reply, else
 * the first in the current reply, else the latest of an earlier reply.
 */
function takeFor(tool: string, calls: Call[], reply: number): Call | undefined {
  let first = calls.length;
  while (calls[first - 1]?.reply === reply) first--;
  if (first === calls.length) return calls.pop();
  const ofTool = calls.slice(first).findIndex(({ name }) => name === tool);
  return calls.splice(first + Math.max(ofTool, 0), 1)[0];
}

function isCallOrResult({ type }: Part): boolean {
  return type === 'tool_call' || type === 'tool_result';
}

function partsOf(message: Message | undefined): readonly Part[] {
  return message === undefined || typeof message.content === 'string' ? [] : message.content;
}

import { filled, isRecord } from '../../../wire/index.ts';
import { Tracked } from './item-table.ts';
import type { Identity } from './item-table.ts';
import type { Comparison } from './pair-listed.ts';

type Json = Record<string, unknown>;

/** A call of a function or a custom tool while it comes. */
export class CallItem extends Tracked {
  /** The id that it is delivered with. */
  given: string | undefined;
  name: string | undefined;
  /** A custom tool's: its input is a text of any form, not JSON. */
  custom = false;
  text = '';
  /** How much of the text, and whether the name, went out as deltas. */
  sent = 0;
  named = false;
  /** The latest form of the item. */
  json: Json | undefined;

  /** Whether an item may be this call, by what both tell. */
  fits({ id, callId }: Identity, json: Json): boolean {
    const name = filled(json['name']);
    if (callId !== undefined && this.callId !== undefined && callId !== this.callId) return false;
    if (name !== undefined && this.name !== undefined && name !== this.name) return false;
    const otherId = id !== undefined && this.id !== undefined && id !== this.id;
    return !otherId || (argumentsOf(json) ?? '').startsWith(this.text);
  }

  /** What was delivered of its arguments, or announced. */
  get content(): string {
    return this.text || (argumentsOf(this.json ?? {}) ?? '');
  }

  /** Takes what an item says of the call. */
  describe(json: Json): void {
    this.json = json;
    this.name = filled(json['name']) ?? this.name;
    this.custom = json['type'] === 'custom_tool_call';
  }

  /** Whole arguments in place of those that came. What was sent of them stays sent: deltas are provisional. */
  settle(whole: string): void {
    if (!whole.startsWith(this.text.slice(0, this.sent))) this.sent = whole.length;
    this.text = whole;
    this.whole = true;
  }

  /** The id was another one: deltas that went out with it are nobody's. */
  rename(callId: string): void {
    this.callId = callId;
    this.given = undefined;
    this.sent = 0;
    this.named = false;
  }
}

/** The text of a whole call's arguments, or of its input; undefined if it has none. */
export function argumentsOf(json: Json): string | undefined {
  return textOf(json['type'] === 'custom_tool_call' ? json['input'] : json['arguments']);
}

/** Arguments as text: some servers send them as an object. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return isRecord(value) || Array.isArray(value) ? JSON.stringify(value) : undefined;
}

/** How the calls of a list are compared with those that came. */
export const comparedCalls: Comparison<CallItem> = {
  isSame(call, json) {
    const name = filled(json['name']);
    if (name !== undefined && call.name !== undefined && name !== call.name) return false;
    const text = argumentsOf(json) ?? '';
    return call.closed ? canonical(text) === canonical(call.content) : text.startsWith(call.content);
  },
  // One that was announced with its arguments is a call of its own.
  openName: (call) => (call.closed || argumentsOf(call.json ?? {}) ? undefined : call.name),
  keyOf: ({ name, text }) => `${name ?? ''} ${canonical(text)}`,
  keyOfJson: (json) => `${filled(json['name']) ?? ''} ${canonical(argumentsOf(json) ?? '')}`,
};

/** Arguments without what JSON leaves to the writer. */
function canonical(text: string): string {
  if (text.trim() === '') return '{}';
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}

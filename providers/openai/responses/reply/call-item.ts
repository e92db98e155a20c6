import { filled, isRecord } from '../../../wire/index.ts';
import { OutputItem } from './item-table.ts';
import type { Identity } from './item-table.ts';
import type { Comparison } from './pair-listed.ts';

type Json = Record<string, unknown>;

/** A call of a function or of a custom tool. */
export class CallItem extends OutputItem {
  /** The id that it is delivered with. */
  given: string | undefined;
  name: string | undefined;
  /** Whether it is of a custom tool, whose input is text and not JSON. */
  custom = false;
  text = '';
  /** How many characters of the text, and whether the name, were pushed as deltas. */
  sent = 0;
  named = false;
  /** The latest form of the item. */
  json: Json | undefined;

  /** Whether an item may be this call, by their ids, names and arguments. */
  fits({ id, callId }: Identity, json: Json): boolean {
    const name = filled(json['name']);
    if (callId !== undefined && this.callId !== undefined && callId !== this.callId) return false;
    if (name !== undefined && this.name !== undefined && name !== this.name) return false;
    const otherId = id !== undefined && this.id !== undefined && id !== this.id;
    return !otherId || (argumentsOf(json) ?? '').startsWith(this.text);
  }

  /** The arguments that were delivered, or announced. */
  get content(): string {
    return this.text || (argumentsOf(this.json ?? {}) ?? '');
  }

  /** Takes what an item says about the call. */
  describe(json: Json): void {
    this.json = json;
    this.name = filled(json['name']) ?? this.name;
    this.custom = json['type'] === 'custom_tool_call';
  }

  /**
   * Takes the complete arguments in place of what has come. Text that was pushed cannot be taken back: deltas are
   * provisional.
   */
  settle(whole: string): void {
    if (!whole.startsWith(this.text.slice(0, this.sent))) this.sent = whole.length;
    this.text = whole;
    this.whole = true;
  }

  /** Corrects the id. Deltas that were pushed with the old id belong to no call. */
  rename(callId: string): void {
    this.callId = callId;
    this.given = undefined;
    this.sent = 0;
    this.named = false;
  }
}

/** The text of a complete call's arguments or input. Undefined if it has none. */
export function argumentsOf(json: Json): string | undefined {
  return textOf(json['type'] === 'custom_tool_call' ? json['input'] : json['arguments']);
}

/** Arguments as text. Some servers send them as an object. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return isRecord(value) || Array.isArray(value) ? JSON.stringify(value) : undefined;
}

/** How the calls of the final list are compared with those that came. */
export const comparedCalls: Comparison<CallItem> = {
  isSame(call, json) {
    const name = filled(json['name']);
    if (name !== undefined && call.name !== undefined && name !== call.name) return false;
    const text = argumentsOf(json) ?? '';
    return call.closed ? canonical(text) === canonical(call.content) : text.startsWith(call.content);
  },
  // A call that was announced with its arguments is a separate call.
  openName: (call) => (call.closed || argumentsOf(call.json ?? {}) ? undefined : call.name),
  keyOf: ({ name, text }) => `${name ?? ''} ${canonical(text)}`,
  keyOfJson: (json) => `${filled(json['name']) ?? ''} ${canonical(argumentsOf(json) ?? '')}`,
};

/** Arguments in a form that does not depend on how the JSON was written. */
function canonical(text: string): string {
  if (text.trim() === '') return '{}';
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}

import fc from 'fast-check';

/** One item of a made reply. All texts differ, so that each can be counted. */
export interface MadeItem {
  kind: 'message' | 'reasoning' | 'call';
  /** The parts of a message, the summaries of a reasoning item, or the arguments of a call. */
  texts: string[];
}

/** What a stream does to the identity of its items. */
export type Fault =
  | 'none'
  /** No event has an `output_index`. */
  | 'no index'
  /** Items and events have no `id`. Calls keep their `call_id`. */
  | 'no ids'
  /** Each event has another id, as with Copilot. */
  | 'other ids'
  /** All items have the index 0. */
  | 'one index'
  /** Messages, reasoning and calls have separate indices. */
  | 'apart'
  /** The indices of done events do not count reasoning. */
  | 'shifted'
  /** Each event lacks its index, or its id, or neither. */
  | 'here and there'
  /** Neither ids nor indices. Calls keep their `call_id`. */
  | 'nothing';

/** Which events of an item are sent: the announcements, the deltas, and the three kinds of done events. */
export interface Kept {
  added: boolean;
  deltas: boolean;
  textDone: boolean;
  partDone: boolean;
  itemDone: boolean;
}

/** How a reply is sent. */
export interface Sending {
  fault: Fault;
  /** One for each item. */
  kept: Kept[];
  /** The final list: complete, empty, in reverse, without its reasoning, or absent. */
  list: 'complete' | 'empty' | 'reversed' | 'filtered' | 'absent';
  /** Whether the list has the ids of the events (also for calls), other ids, or none. */
  listIds: 'same' | 'other' | 'none';
  /** Which events are sent twice. */
  twice: number[];
  /** Where texts are cut into deltas. */
  cuts: number[];
  /** Whether the events of adjacent items of different kinds are mixed. */
  mixed: boolean;
}

const word = fc.stringMatching(/^[a-z ]{1,12}$/);
const madeItem: fc.Arbitrary<MadeItem> = fc.record({
  kind: fc.constantFrom('message' as const, 'reasoning' as const, 'call' as const),
  texts: fc.array(word, { minLength: 1, maxLength: 3 }),
});

/** A reply of up to five items. */
export const madeReply: fc.Arbitrary<MadeItem[]> = fc
  .array(madeItem, { minLength: 1, maxLength: 5 })
  .map((items) =>
    items.map(({ kind, texts }, item) => ({
      kind,
      texts:
        kind === 'call'
          ? [JSON.stringify({ value: texts[0], number: item })]
          : texts.map((text, part) => `[${item}.${part} ${text}]`),
    })),
  );

const kept = fc.record({
  added: fc.boolean(),
  deltas: fc.boolean(),
  textDone: fc.boolean(),
  partDone: fc.boolean(),
  itemDone: fc.boolean(),
});

/** Ways of sending a reply with this many items. Not all of them send all of it: see {@link sends}. */
export const sending: fc.Arbitrary<Sending> = fc.record({
  fault: fc.constantFrom<Fault>(
    'none',
    'no index',
    'no ids',
    'other ids',
    'one index',
    'apart',
    'shifted',
    'here and there',
    'nothing',
  ),
  kept: fc.array(kept, { minLength: 5, maxLength: 5 }),
  list: fc.constantFrom('complete', 'empty', 'reversed', 'filtered', 'absent'),
  listIds: fc.constantFrom('same', 'other', 'none'),
  twice: fc.array(fc.nat(40), { maxLength: 4 }),
  cuts: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }),
  mixed: fc.boolean(),
});

/** Whether each piece of a reply is in at least one event that also tells which item it belongs to. */
export function sends(reply: readonly MadeItem[], { kept: all, list, fault }: Sending): boolean {
  // Without any ids, only the order tells.
  if (fault === 'nothing' && list === 'reversed') return false;
  return reply.every(({ kind }, at) => {
    const { added, deltas, textDone, partDone, itemDone } = all[at] ?? NOTHING;
    const isListed =
      list === 'complete' || list === 'reversed' || (list === 'filtered' && kind !== 'reasoning');
    // Only the start of an item separates its deltas from those of the item before.
    if (fault === 'nothing' && deltas && !added) return false;
    if (itemDone || isListed) return true;
    // The name of a call is only in its item.
    return kind === 'call' ? added && (deltas || textDone) : deltas || textDone || partDone;
  });
}

const NOTHING: Kept = { added: false, deltas: false, textDone: false, partDone: false, itemDone: false };

type Json = Record<string, unknown>;

/** The events of a reply, sent in this way. */
export function eventsOf(reply: readonly MadeItem[], how: Sending): Json[] {
  const events = mixed(
    reply.map((item, at) => itemEvents(item, at, how).map((event) => confused(event, item, at, reply, how))),
    reply,
    how,
  );
  const created: Json = { type: 'response.created', response: { id: 'resp_1', model: 'm', output: [] } };
  const numbered = [created, ...events, ended(reply, how)].map((event, at) => ({
    sequence_number: at,
    ...event,
  }));
  const rotated = how.fault === 'other ids' ? numbered.map(rotate) : numbered;
  return rotated.flatMap((event, at) => (how.twice.includes(at) ? [event, event] : [event]));
}

function wholeItem({ kind, texts }: MadeItem, at: number): Json {
  if (kind === 'call') {
    const [args] = texts;
    return {
      type: 'function_call',
      id: `fc_${at}`,
      call_id: `call_${at}`,
      name: `tool_${at}`,
      arguments: args,
    };
  }
  if (kind === 'reasoning') {
    const summary = texts.map((text) => ({ type: 'summary_text', text }));
    return { type: 'reasoning', id: `rs_${at}`, summary };
  }
  const content = texts.map((text) => ({ type: 'output_text', text, annotations: [] }));
  return { type: 'message', id: `msg_${at}`, role: 'assistant', status: 'completed', content };
}

/** The events of one item as OpenAI sends them, without those that are not sent. */
function itemEvents(item: MadeItem, at: number, { kept: all, cuts }: Sending): Json[] {
  const { added, deltas, textDone, partDone, itemDone } = all[at] ?? NOTHING;
  const whole = wholeItem(item, at);
  const here = { output_index: at, item_id: whole['id'] };
  const empty = { ...whole, ...(item.kind === 'call' ? { arguments: '' } : { content: [], summary: [] }) };
  const events: Json[] = [];
  if (added) events.push({ type: 'response.output_item.added', output_index: at, item: empty });
  item.texts.forEach((text, part) => {
    const isMessage = item.kind === 'message';
    const place = { ...here, [isMessage ? 'content_index' : 'summary_index']: part };
    const [prefix, field] =
      item.kind === 'call'
        ? ['response.function_call_arguments', 'arguments']
        : [isMessage ? 'response.output_text' : 'response.reasoning_summary_text', 'text'];
    const partPrefix = isMessage ? 'response.content_part' : 'response.reasoning_summary_part';
    const shape = { type: isMessage ? 'output_text' : 'summary_text', annotations: [] };
    const isCall = item.kind === 'call';
    if (added && !isCall)
      events.push({ type: `${partPrefix}.added`, ...place, part: { ...shape, text: '' } });
    if (deltas) {
      for (const delta of pieces(text, cuts)) events.push({ type: `${prefix}.delta`, ...place, delta });
    }
    if (textDone) events.push({ type: `${prefix}.done`, ...place, [field ?? '']: text });
    if (partDone && !isCall) events.push({ type: `${partPrefix}.done`, ...place, part: { ...shape, text } });
  });
  if (itemDone) events.push({ type: 'response.output_item.done', output_index: at, item: whole });
  return events;
}

function pieces(text: string, cuts: readonly number[]): string[] {
  const all: string[] = [];
  for (let from = 0, at = 0; from < text.length; at++) {
    const size = cuts[at % cuts.length] ?? 1;
    all.push(text.slice(from, from + size));
    from += size;
  }
  return all;
}

/** An event with the ids that the fault leaves. */
function confused(
  event: Json,
  item: MadeItem,
  at: number,
  reply: readonly MadeItem[],
  { fault, cuts }: Sending,
): Json {
  const before = reply.slice(0, at);
  switch (fault) {
    case 'none':
    case 'other ids':
      return event;
    case 'no index':
      return without(event, 'output_index');
    case 'no ids':
      return withoutIds(event);
    case 'nothing':
      return without(withoutIds(event), 'output_index');
    case 'one index':
      return { ...event, output_index: 0 };
    case 'apart':
      return { ...event, output_index: before.filter(({ kind }) => kind === item.kind).length };
    case 'shifted':
      return event['type'] === 'response.output_item.done'
        ? { ...event, output_index: before.filter(({ kind }) => kind !== 'reasoning').length }
        : event;
    case 'here and there': {
      const dice = (JSON.stringify(event).length + (cuts[0] ?? 0)) % 3;
      if (dice === 0) return without(event, 'output_index');
      return dice === 1 ? withoutIds(event) : event;
    }
  }
}

function without(event: Json, ...fields: string[]): Json {
  return Object.fromEntries(Object.entries(event).filter(([field]) => !fields.includes(field)));
}

function withoutIds(event: Json): Json {
  const bare = without(event, 'item_id');
  const { item } = event;
  return typeof item === 'object' && item !== null ? { ...bare, item: without({ ...item }, 'id') } : bare;
}

/** Copilot encrypts the ids anew for each event. */
function rotate(event: Json, at: number): Json {
  const { item, item_id: id } = event;
  if (typeof item === 'object' && item !== null) return { ...event, item: { ...item, id: `other_${at}` } };
  return id === undefined ? event : { ...event, item_id: `other_${at}` };
}

/** The events of all items, either one item after the other or mixed with those of an adjacent item of another kind. */
function mixed(all: Json[][], reply: readonly MadeItem[], how: Sending): Json[] {
  // An event without any ids belongs to what came before it.
  if (!how.mixed || how.fault === 'nothing') return all.flat();
  const events: Json[] = [];
  for (let at = 0; at < all.length; at++) {
    const [one = [], other = []] = [all[at], all[at + 1]];
    const isPair = at + 1 < all.length && reply[at]?.kind !== reply[at + 1]?.kind;
    if (!isPair) {
      events.push(...one);
      continue;
    }
    for (let step = 0; step < Math.max(one.length, other.length); step++) {
      events.push(...one.slice(step, step + 1), ...other.slice(step, step + 1));
    }
    at++;
  }
  return events;
}

/** The end of a reply with its list of items. */
function ended(reply: readonly MadeItem[], { list, listIds, fault }: Sending): Json {
  const response = { id: 'resp_1', model: 'm', status: 'completed' };
  if (list === 'absent') return { type: 'response.completed', response };
  const items = reply.map((item, at) => {
    const whole = wholeItem(item, at);
    const hasNone = listIds === 'none' || fault === 'no ids' || fault === 'nothing';
    if (hasNone) return without(whole, 'id');
    const callId = whole['call_id'] === undefined ? {} : { call_id: `listed_call_${at}` };
    return listIds === 'other' ? { ...whole, id: `listed_${at}`, ...callId } : whole;
  });
  const output =
    list === 'empty'
      ? []
      : list === 'reversed'
        ? items.toReversed()
        : list === 'filtered'
          ? items.filter((_, at) => reply[at]?.kind !== 'reasoning')
          : items;
  return { type: 'response.completed', response: { ...response, output } };
}

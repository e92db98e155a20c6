import { at, listAt, textAt } from './json.ts';

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/** The tools of a request, in a common form. */
interface Offer {
  names: readonly string[];
  schemas: readonly unknown[];
  choice: unknown;
  /** The name that the choice forces. */
  chosen: unknown;
}

function* offerComplaints({ names, schemas, choice, chosen }: Offer): Generator<string> {
  if (new Set(names).size < names.length) yield 'tools: names must be unique';
  for (const name of names) if (!NAME.test(name)) yield `tools: ${name} is not a valid name`;
  for (const schema of schemas)
    if (at(schema, 'type') !== 'object') yield 'tools: a schema is not of type object';
  if (choice !== undefined && names.length === 0)
    yield 'tool_choice is only allowed when tools are specified';
  if (chosen !== undefined && !names.includes(String(chosen)))
    yield `tool_choice: there is no tool ${String(chosen)}`;
}

/** Follows calls and their results through a conversation. */
class Calls {
  readonly #rule: RegExp;
  readonly #seen = new Set<string>();
  /** Those of the reply that is being answered, in order. */
  #open: string[] = [];

  constructor(rule: RegExp) {
    this.#rule = rule;
  }

  *call(id: unknown, name: unknown): Generator<string> {
    if (typeof id !== 'string' || !this.#rule.test(id))
      yield `the id ${JSON.stringify(id)} of a call is invalid`;
    if (this.#seen.has(String(id))) yield `the id ${String(id)} of a call must be unique`;
    if (!NAME.test(String(name))) yield `the name ${String(name)} of a call is invalid`;
    this.#seen.add(String(id));
    this.#open.push(String(id));
  }

  /** In the order of the calls: that is a rule of ours. */
  *result(id: unknown): Generator<string> {
    const expected = this.#open.shift();
    if (expected === undefined) yield `the result ${String(id)} answers no call of the reply before it`;
    else if (expected !== id) yield `the result ${String(id)} comes where that of ${expected} belongs`;
  }

  /** Nothing else may come before all results are there. */
  *answered(place: string): Generator<string> {
    if (this.#open.length > 0) yield `${place}: no result was found for the calls ${this.#open.join(', ')}`;
    this.#open = [];
  }
}

/** What OpenAI refuses a request to Chat Completions for. `longestId`: of a call. */
export function* chatComplaints(body: unknown, longestId: number): Generator<string> {
  const messages = listAt(body, 'messages');
  const tools = listAt(body, 'tools');
  yield* offerComplaints({
    names: tools.map((tool) => textAt(tool, 'function', 'name')),
    schemas: tools.map((tool) => at(tool, 'function', 'parameters')),
    choice: at(body, 'tool_choice'),
    chosen: at(body, 'tool_choice', 'function', 'name'),
  });
  if (messages.length === 0) yield 'messages is empty';
  const calls = new Calls(new RegExp(`^[^]{1,${longestId}}$`, 'u'));
  for (const [number, message] of messages.entries()) {
    const [place, role, content] = [`messages[${number}]`, textAt(message, 'role'), at(message, 'content')];
    if (role === 'tool') {
      yield* calls.result(at(message, 'tool_call_id'));
      const parts = listAt(message, 'content').map((part) => at(part, 'type'));
      if (typeof content !== 'string' && (parts.length === 0 || parts.some((type) => type !== 'text')))
        yield `${place}: a tool message takes text alone`;
      continue;
    }
    yield* calls.answered(place);
    if (!['system', 'developer', 'user', 'assistant'].includes(role)) yield `${place} has the role ${role}`;
    if (at(message, 'tool_calls') !== undefined) {
      if (role !== 'assistant' || listAt(message, 'tool_calls').length === 0)
        yield `${place}.tool_calls is wrong`;
      for (const call of listAt(message, 'tool_calls')) {
        yield* calls.call(at(call, 'id'), at(call, 'function', 'name'));
        if (typeof at(call, 'function', 'arguments') !== 'string')
          yield `${place}: arguments is not a string`;
      }
    } else if (
      isNothing(content) &&
      at(message, 'refusal') === undefined &&
      at(message, 'audio') === undefined
    ) {
      yield `${place}.content is empty`;
    }
  }
  yield* calls.answered('the end of messages');
}

/** What OpenAI refuses a request to Responses for, as far as the request shows it. */
export function* responsesComplaints(body: unknown): Generator<string> {
  const input = listAt(body, 'input');
  const tools = listAt(body, 'tools').filter((tool) => at(tool, 'type') === 'function');
  const isStateless = at(body, 'store') === false;
  yield* offerComplaints({
    names: tools.map((tool) => textAt(tool, 'name')),
    schemas: tools.map((tool) => at(tool, 'parameters')),
    choice: listAt(body, 'tools').length > tools.length ? undefined : at(body, 'tool_choice'),
    chosen: at(body, 'tool_choice', 'name'),
  });
  if (input.length === 0) yield 'input is empty';
  const calls = new Calls(/^[^]{1,64}$/u);
  const ids = new Set<string>();
  let isAnswering = false;
  for (const [number, item] of input.entries()) {
    const [place, type] = [`input[${number}]`, textAt(item, 'type')];
    const id = at(item, 'id');
    if (id !== undefined && !/^[\w-]{1,64}$/.test(String(id))) yield `${place}.id is invalid`;
    if (id !== undefined && ids.has(String(id))) yield `Duplicate item found with id ${String(id)}`;
    ids.add(String(id));
    if (type === 'function_call_output' || type === 'custom_tool_call_output') {
      isAnswering = true;
      yield* calls.result(at(item, 'call_id'));
      yield* outputComplaints(place, at(item, 'output'));
      continue;
    }
    const isReply = type !== '' || at(item, 'role') === 'assistant';
    if (isAnswering || !isReply) yield* calls.answered(place);
    isAnswering = false;
    if (type === 'function_call') {
      yield* calls.call(at(item, 'call_id'), at(item, 'name'));
      if (typeof at(item, 'arguments') !== 'string') yield `${place}.arguments is not a string`;
    }
    if (type === 'reasoning') yield* reasoningComplaints(place, item, input[number + 1], isStateless);
  }
  yield* calls.answered('the end of input');
}

function* outputComplaints(place: string, output: unknown): Generator<string> {
  if (typeof output === 'string') return;
  const types = Array.isArray(output) ? output.map((part: unknown) => textAt(part, 'type')) : [];
  if (types.length === 0) yield `${place}.output is neither text nor a list`;
  for (const type of types)
    if (!['input_text', 'input_image', 'input_file'].includes(type))
      yield `${place}.output cannot have ${type}`;
}

function* reasoningComplaints(
  place: string,
  item: unknown,
  next: unknown,
  isStateless: boolean,
): Generator<string> {
  const isFollowed = ['function_call', 'custom_tool_call', 'message'].includes(textAt(next, 'type'));
  if (!isFollowed && at(next, 'role') !== 'assistant')
    yield `Item '${textAt(item, 'id')}' of type 'reasoning' was provided without its required following item.`;
  if (isStateless && at(item, 'encrypted_content') === undefined)
    yield `${place}: item '${textAt(item, 'id')}' is not stored, and has no encrypted_content`;
}

/** What Anthropic refuses a request for. */
export function* messagesComplaints(body: unknown): Generator<string> {
  const messages = listAt(body, 'messages');
  const tools = listAt(body, 'tools');
  const own = tools.filter((tool) => at(tool, 'input_schema') !== undefined);
  yield* offerComplaints({
    names: tools.map((tool) => textAt(tool, 'name')),
    schemas: own.map((tool) => at(tool, 'input_schema')),
    choice: at(body, 'tool_choice'),
    chosen: at(body, 'tool_choice', 'name'),
  });
  yield* thinkingComplaints(body);
  if (at(messages[0], 'role') !== 'user') yield 'messages: the first message must use the user role';
  const calls = new Calls(/^[a-zA-Z0-9_-]+$/);
  const server = new ServerCalls();
  for (const [number, message] of messages.entries()) {
    const [place, role, blocks] = [
      `messages[${number}]`,
      textAt(message, 'role'),
      listAt(message, 'content'),
    ];
    if (role === textAt(messages[number - 1], 'role')) yield `${place}: roles must alternate`;
    if (blocks.length === 0) yield `${place}.content is empty`;
    if (blocks.some((block) => at(block, 'text') !== undefined && textAt(block, 'text').trim() === ''))
      yield `${place}: text content blocks must be non-empty`;
    if (role === 'assistant') {
      yield* calls.answered(place);
      yield* server.reply(place, blocks);
    }
    yield* role === 'assistant'
      ? replyComplaints(place, blocks, calls)
      : answerComplaints(place, blocks, calls);
  }
  yield* calls.answered('the end of messages');
  const usesTools = messages.some((message) =>
    listAt(message, 'content').some((block) => /^tool_(?:use|result)$/.test(textAt(block, 'type'))),
  );
  if (usesTools && tools.length === 0)
    yield 'Requests which include tool_use or tool_result blocks must define tools';
  const last = messages.at(-1);
  if (at(last, 'role') === 'assistant' && /\s$/.test(textAt(listAt(last, 'content').at(-1), 'text')))
    yield 'messages: final assistant content cannot end with trailing whitespace';
}

function* replyComplaints(place: string, blocks: readonly unknown[], calls: Calls): Generator<string> {
  for (const block of blocks) {
    if (at(block, 'type') !== 'tool_use') continue;
    yield* calls.call(at(block, 'id'), at(block, 'name'));
    const input = at(block, 'input');
    if (typeof input !== 'object' || input === null || Array.isArray(input))
      yield `${place}: the input of a call must be an object`;
  }
}

function* answerComplaints(place: string, blocks: readonly unknown[], calls: Calls): Generator<string> {
  const isResult = blocks.map((block) => at(block, 'type') === 'tool_result');
  if (isResult.includes(true) && isResult.lastIndexOf(true) >= isResult.filter(Boolean).length)
    yield `${place}: tool_result blocks must come first`;
  for (const block of blocks) {
    if (at(block, 'type') !== 'tool_result') continue;
    yield* calls.result(at(block, 'tool_use_id'));
    const content = at(block, 'content');
    if (at(block, 'is_error') === true && isNothing(content)) yield `${place}: an error must have content`;
    for (const part of listAt(block, 'content'))
      if (!['text', 'image', 'document'].includes(textAt(part, 'type')))
        yield `${place}: a result cannot have a block of type ${textAt(part, 'type')}`;
  }
  yield* calls.answered(place);
}

function* thinkingComplaints(body: unknown): Generator<string> {
  if (!['enabled', 'adaptive'].includes(textAt(body, 'thinking', 'type'))) return;
  if (['any', 'tool'].includes(textAt(body, 'tool_choice', 'type')))
    yield 'Thinking may not be enabled when tool_choice forces tool use.';
  if (textAt(body, 'thinking', 'type') !== 'enabled') return;
  const last = listAt(body, 'messages').findLast((message) => at(message, 'role') === 'assistant');
  const types = listAt(last, 'content').map((block) => textAt(block, 'type'));
  if (types.includes('tool_use') && types[0]?.endsWith('thinking') !== true)
    yield `Expected thinking or redacted_thinking, but found ${types[0]}`;
}

/** Calls that the API runs itself. Their result is in the same reply, or in the next one. */
class ServerCalls {
  /** By id: how many replies ago the call was made. */
  readonly #open = new Map<string, number>();

  *reply(place: string, blocks: readonly unknown[]): Generator<string> {
    for (const [id, age] of this.#open) this.#open.set(id, age + 1);
    for (const block of blocks) {
      const type = textAt(block, 'type');
      if (type === 'server_tool_use') this.#open.set(textAt(block, 'id'), 0);
      else if (type.endsWith('_tool_result') && !this.#open.delete(textAt(block, 'tool_use_id')))
        yield `${place}: ${type} without its server_tool_use`;
    }
    for (const [id, age] of this.#open)
      if (age > 0) yield `${place}: no result was found for the server_tool_use ${id}`;
  }
}

function isNothing(content: unknown): boolean {
  return (
    content === undefined ||
    content === null ||
    content === '' ||
    (Array.isArray(content) && content.length === 0)
  );
}

import { describe, expect, it } from 'vitest';

import {
  block,
  call,
  delta,
  ending,
  json,
  opening,
  signature,
  start,
  stop,
  TEXT,
  text,
  THINKING,
  thinking,
} from './events.ts';
import { decode, failure, said, told } from '../support.ts';

const SEARCH = { type: 'server_tool_use', id: 'srv', name: 'web_search', input: {} };
const FOUND = { type: 'web_search_tool_result', tool_use_id: 'srv', content: [] };

describe('R45 an index that a second content block uses', () => {
  it('begins another block after its stop', () => {
    expect(
      said(
        block(0, THINKING, thinking('Hm'), signature('s')),
        block(0, TEXT, text('Hel'), text('lo')),
        block(0, call('add'), json('{"a":'), json('1}')),
        block(0, call('sub'), json('{"b":2}')),
        block(0, TEXT, text('!')),
      ),
    ).toEqual([
      'thinking: Hm',
      'thought: {"type":"thinking","thinking":"Hm","signature":"s"}',
      'text: Hello',
      'call: toolu_add add {"a":1}',
      'call: toolu_sub sub {"b":2}',
      'text: !',
    ]);
  });

  it('begins the text after a search, with and without the stop of the result', () => {
    const lines = ['ran: srv web_search {"query":"x"}', 'result: srv web_search []', 'text: 49 million'];
    const search = block(0, SEARCH, json('{"query":"x"}'));
    expect(said(search, block(1, FOUND), block(1, TEXT, text('49 million')))).toEqual(lines);
    expect(said(search, start(1, FOUND), block(1, TEXT, text('49 million')))).toEqual(lines);
  });

  it('ends the block before it, if that had no stop', () => {
    expect(
      said(
        start(0, THINKING),
        delta(0, thinking('Hm')),
        start(0, TEXT),
        delta(0, text('Hi')),
        start(0, call('add')),
        delta(0, json('{"a":1}')),
        start(0, call('sub')),
        delta(0, json('{"b":2}')),
        start(0, { type: 'container_upload', file_id: 'f' }),
        start(0, TEXT),
        delta(0, text('Bye')),
      ),
    ).toEqual([
      'thinking: Hm',
      'thought: {"type":"thinking","thinking":"Hm","signature":""}',
      'text: Hi',
      'call: toolu_add add {"a":1}',
      'call: toolu_sub sub {"b":2}',
      'block: {"type":"container_upload","file_id":"f"}',
      'text: Bye',
    ]);
  });

  it('while both blocks are open gives each delta to the block of its kind', () => {
    expect(
      said(
        start(0, call('add')),
        delta(0, json('{"a"')),
        start(0, TEXT),
        delta(0, text('Hel')),
        delta(0, json(':1')),
        delta(0, text('lo')),
        delta(0, json('}')),
        stop(0),
        stop(0),
      ),
    ).toEqual(['text: Hello', 'call: toolu_add add {"a":1}']);
  });

  it('for text and thinking within an open call keeps the call complete', () => {
    const { chunks, reply } = decode([
      opening(),
      start(0, call('add')),
      delta(0, json('{"a"')),
      delta(0, text('\n')),
      delta(0, thinking('Hm')),
      delta(0, signature('s')),
      delta(0, json(':1}')),
      stop(0),
      ...ending('tool_use'),
    ]);
    expect(told(chunks)).toEqual([
      'text: \n',
      'thinking: Hm',
      'thought: {"type":"thinking","thinking":"Hm","signature":"s"}',
      'call: toolu_add add {"a":1}',
    ]);
    expect(reply.finishReason).toBe('tool_calls');
  });

  it('for a repeated start begins one call', () => {
    const again = call('add', { input: { a: 1 } });
    expect(said(start(0, call('add')), block(0, call('add'), json('{"a":1}')))).toEqual([
      'call: toolu_add add {"a":1}',
    ]);
    expect(said(start(0, call('add')), block(0, again))).toEqual(['call: toolu_add add {"a":1}']);
  });

  it('does not hide a second message', () => {
    const first = [opening('msg_1'), ...block(0, TEXT, text('Hel'))];
    expect(failure([...first, opening('msg_2'), ...block(0, TEXT, text('lo')), ...ending()]).code).toBe(
      'protocol',
    );
  });
});

describe('R45 indices of content blocks that are mixed', () => {
  it('keep calls apart that are open at the same time, whichever stops first', () => {
    expect(
      said(
        start(1, call('a')),
        start(2, call('b')),
        start(3, call('c')),
        delta(2, json('{"n":')),
        delta(1, json('{"n":1}')),
        delta(2, json('2}')),
        stop(2),
        delta(3, json('{"n":3}')),
        stop(3),
        stop(1),
      ),
    ).toEqual(['call: toolu_a a {"n":1}', 'call: toolu_b b {"n":2}', 'call: toolu_c c {"n":3}']);
  });

  it('keep a call complete that continues after some text', () => {
    expect(
      said(
        start(1, call('a')),
        delta(1, json('{"n":')),
        block(2, TEXT, text('so')),
        delta(1, json('1}')),
        stop(1),
      ),
    ).toEqual(['text: so', 'call: toolu_a a {"n":1}']);
  });

  it('keep thinking complete whose signature comes after the text has begun', () => {
    expect(
      said(
        start(0, THINKING),
        delta(0, thinking('Hm')),
        start(1, TEXT),
        delta(1, text('Hi')),
        delta(0, signature('s')),
        stop(0),
        stop(1),
      ),
    ).toEqual(['thinking: Hm', 'text: Hi', 'thought: {"type":"thinking","thinking":"Hm","signature":"s"}']);
  });

  it('may have gaps', () => {
    expect(
      said(block(3, TEXT, text('a')), block(90, call('b'), json('{}')), block(7, TEXT, text('c'))),
    ).toEqual(['text: a', 'call: toolu_b b {}', 'text: c']);
  });
});

describe('R45 deltas without an open block at their index', () => {
  it('of text and thinking begin a block, also after a stop', () => {
    expect(
      said(
        delta(0, thinking('H')),
        delta(0, thinking('m')),
        stop(0),
        delta(1, text('Hel')),
        delta(1, text('lo')),
        stop(1),
        delta(1, text('!')),
        delta(0, thinking('Oh')),
        delta(0, signature('s')),
      ),
    ).toEqual([
      'thinking: Hm',
      'thought: {"type":"thinking","thinking":"Hm"}',
      'text: Hello!',
      'thinking: Oh',
      'thought: {"type":"thinking","thinking":"Oh","signature":"s"}',
    ]);
  });

  it('keep blanks, and begin nothing for an empty text', () => {
    expect(said(delta(0, text('')), delta(0, text(' ')), delta(0, text('x')), delta(3, json(' ')))).toEqual([
      'text:  x',
    ]);
  });

  it('of input continue the call that was stopped at their index', () => {
    expect(
      said(
        start(0, call('a')),
        delta(0, json('{"n":')),
        stop(0),
        start(1, call('b')),
        delta(1, json('{"n":')),
        delta(0, json('1}')),
        delta(1, json('2}')),
        stop(1),
      ),
    ).toEqual(['call: toolu_a a {"n":1}', 'call: toolu_b b {"n":2}']);
  });

  it('of input at a new index belong to the call that has no input', () => {
    expect(
      said(
        block(0, call('a'), json('{"n":1}')),
        start(1, call('b')),
        stop(1),
        delta(2, json('{"n":')),
        delta(2, json('2}')),
        stop(2),
      ),
    ).toEqual(['call: toolu_a a {"n":1}', 'call: toolu_b b {"n":2}']);
  });

  it('of input that repeat a complete input change nothing', () => {
    expect(said(block(0, call('a'), json('{"n":1}')), delta(0, json('{"n":1}')))).toEqual([
      'call: toolu_a a {"n":1}',
    ]);
  });

  it('of input that repeat a delivered call change nothing', () => {
    const again = delta(0, json('{"n":1}'));
    const found = { type: 'web_search_tool_result', tool_use_id: 'srv', content: [] };
    expect(said(block(0, call('a'), json('{"n":1}')), block(1, TEXT, text('x')), again)).toEqual([
      'call: toolu_a a {"n":1}',
      'text: x',
    ]);
    expect(said(block(0, SEARCH, json('{"n":'), json('1}')), again, block(1, found))).toEqual([
      'ran: srv web_search {"n":1}',
      'result: srv web_search []',
    ]);
  });

  it('of text after a block that came complete in its start are text', () => {
    expect(
      said(start(0, { type: 'container_upload', file_id: 'f' }), delta(0, text('x')), delta(0, text('y'))),
    ).toEqual(['block: {"type":"container_upload","file_id":"f"}', 'text: xy']);
  });

  it('of input after a complete input are left out with a warning', () => {
    const { chunks, call: seen } = decode([
      opening(),
      ...block(0, call('a'), json('{"n":1}')),
      delta(0, json('{"n":2}')),
      ...ending('tool_use'),
    ]);
    expect(told(chunks)).toEqual(['call: toolu_a a {"n":1}']);
    expect(seen.warnings).toEqual([
      'anthropic: input that came after the end of a call is left out (7 characters)',
    ]);
  });

  it('of input without any call become an invalid call', () => {
    const { chunks } = decode([
      opening(),
      delta(0, json('{"n"')),
      delta(0, json(':1}')),
      stop(0),
      ...ending('tool_use'),
    ]);
    expect(chunks).toEqual([
      {
        type: 'tool_call',
        id: 'call_1',
        name: 'unknown',
        arguments: {},
        invalid: { raw: '{"n":1}', reason: 'the call has no name' },
        call: 0,
      },
    ]);
  });

  it('of a signature sign the thinking that was stopped without one', () => {
    expect(said(block(0, THINKING, thinking('Hm')), delta(0, signature('s'))).at(-1)).toBe(
      'thought: {"type":"thinking","thinking":"Hm","signature":"s"}',
    );
  });
});

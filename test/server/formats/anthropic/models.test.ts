import { describe, expect, test } from 'vitest';
import { anthropicCount } from '../../../../server/formats/anthropic-count.ts';
import { anthropicModels } from '../../../../server/formats/anthropic-models.ts';

const models = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id }));

/** The ids of a page, and whether there is more. */
function page(query: string): [ids: string, more: unknown] {
  const { body } = anthropicModels(models, new URLSearchParams(query), 'r1');
  const { data, has_more } = body as { data: { id: string }[]; has_more: boolean };
  return [data.map(({ id }) => id).join(''), has_more];
}

describe("a page of Anthropic's list of models", () => {
  test.each([
    ['', 'abcde', false],
    ['limit=2', 'ab', true],
    ['limit=2&after_id=b', 'cd', true],
    ['limit=2&after_id=c', 'de', false],
    ['limit=2&before_id=d', 'bc', true],
    ['limit=2&before_id=c', 'ab', false],
    ['limit=2&before_id=b', 'a', false],
    // Before the first one there is nothing.
    ['limit=2&before_id=a', '', false],
  ])('%s', (query, ids, hasMore) => {
    expect(page(query)).toEqual([ids, hasMore]);
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=many', 'limit'],
    ['limit=1001', 'limit'],
    ['after_id=z', 'after_id'],
    ['before_id=z', 'before_id'],
  ])('%s is refused', (query, field) => {
    expect(() => page(query)).toThrow(`${field}: `);
  });
});

test('a count has its tokens, and the id of its request', () => {
  expect(anthropicCount({ inputTokens: 7 }, 'r1')).toEqual({
    ...{ status: 200, headers: { 'request-id': 'r1' } },
    body: { input_tokens: 7 },
  });
});

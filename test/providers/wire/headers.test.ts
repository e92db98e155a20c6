import { describe, expect, it } from 'vitest';
import { headersOfError, isHeaderReader, requestIdIn } from '../../../providers/wire/headers.ts';

describe('the headers of an error', () => {
  it.each([['words'], [7], [null], [undefined], [{}], [{ headers: null }], [{ headers: { get: 1 } }]])(
    'of %j are unknown',
    (error) => {
      expect(headersOfError(error)).toBeUndefined();
    },
  );

  it('are those that an SDK put on it', () => {
    const headers = new Headers({ 'request-id': 'req_1' });
    expect(headersOfError(Object.assign(new Error('x'), { headers }))).toBe(headers);
  });
});

describe('a reader of headers', () => {
  it.each([
    [new Headers(), true],
    [{ get: () => null }, true],
    [{ get: 1 }, false],
    [{}, false],
    [null, false],
    ['get', false],
    [undefined, false],
  ])('%o: %s', (value, expected) => {
    expect(isHeaderReader(value)).toBe(expected);
  });
});

describe('the id of a request', () => {
  it.each([
    [{ 'x-request-id': 'req_1', 'request-id': 'req_2' }, 'req_1'],
    [{ 'request-id': 'req_2' }, 'req_2'],
    [{}, undefined],
    [{ 'x-request-id': 'canary-0123456789' }, undefined],
  ])('in %j is %s', (headers, expected) => {
    expect(requestIdIn(new Headers(headers), ['canary-0123456789'])).toBe(expected);
  });

  it('of no headers is unknown', () => {
    expect(requestIdIn(undefined, [])).toBeUndefined();
  });
});

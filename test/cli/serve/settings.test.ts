import { expect, test } from 'vitest';
import { serveSettings } from '../../../cli/serve/serve-settings.ts';

test('the environment says where to listen, who may call and what is kept where', () => {
  const settings = serveSettings(
    {},
    {
      PORT: '8080',
      HOST: '0.0.0.0',
      SLUICE_TOKENS: 'ada=token-of-ada, bob=token=with=signs',
      CORS_ORIGINS: 'https://a.example, https://b.example',
      HOSTS: 'api.example.com',
      DEBUG: '1',
      REDIS_URL: 'redis://r',
      DATABASE_URL: 'postgres://p',
    },
  );
  expect(settings).toEqual({
    port: 8080,
    host: '0.0.0.0',
    tokens: { 'token-of-ada': 'ada', 'token=with=signs': 'bob' },
    origins: ['https://a.example', 'https://b.example'],
    hosts: ['api.example.com'],
    debug: true,
    redisUrl: 'redis://r',
    databaseUrl: 'postgres://p',
  });
});

test('the command line comes first, and what is empty or off is not set', () => {
  expect(
    serveSettings({ port: '1', host: 'h' }, { PORT: '2', HOST: 'x', SLUICE_TOKENS: ' ', DEBUG: 'false' }),
  ).toMatchObject({
    port: 1,
    host: 'h',
    tokens: undefined,
    debug: false,
  });
});

test('an empty --host counts as not given: its variable may not be set', () => {
  expect(serveSettings({ host: ' ' }, { HOST: '127.0.0.2' }).host).toBe('127.0.0.2');
  expect(serveSettings({ host: '' }, {}).host).toBeUndefined();
});

const NOT_PORTS = ['x', '-1', '65536', '1.5', '1e3', '0x50', '+80', '-0', '8080 8081', '٣'];

test.each([...NOT_PORTS, '', ' '])('a port %o is refused', (port) => {
  expect(() => serveSettings({ port }, {})).toThrow('The port is not a number from 0 to 65535');
});

test.each(NOT_PORTS)('PORT=%s is refused', (port) => {
  expect(() => serveSettings({}, { PORT: port })).toThrow('set PORT or --port to one.');
});

test.each(['', ' '])('PORT=%o is not set, and neither are the other variables', (empty) => {
  const names = [
    'PORT',
    'HOST',
    'SLUICE_TOKENS',
    'CORS_ORIGINS',
    'HOSTS',
    'DEBUG',
    'REDIS_URL',
    'DATABASE_URL',
  ];
  const settings = serveSettings({}, Object.fromEntries(names.map((name) => [name, empty])));
  expect(settings).toEqual({ ...serveSettings({}, {}), port: undefined });
});

test.each([
  ['corsOrigins', 'CORS_ORIGINS', 'CORS_ORIGINS or --cors-origins names no origin'],
  ['hosts', 'HOSTS', 'HOSTS or --hosts names no host'],
] as const)('%s with nothing in the list is refused', (flag, variable, message) => {
  for (const none of ['', ' , ']) expect(() => serveSettings({ [flag]: none }, {})).toThrow(message);
  expect(() => serveSettings({}, { [variable]: ',' })).toThrow(message);
});

test.each(['token', '=token-of-nobody', 'ada=short', ','])(
  'tokens %s are refused, and the error does not quote them',
  (tokens) => {
    expect(() => serveSettings({}, { SLUICE_TOKENS: tokens })).toThrow(
      /^SLUICE_TOKENS is not a list such as ada=a-long-token/,
    );
  },
);

test.each([
  ['ada=token of ada', 'SLUICE_TOKENS has a token that no header can carry'],
  ['ada=tökén-of-ada', 'SLUICE_TOKENS has a token that no header can carry'],
  ['ada=shared-token,bob=shared-token', 'SLUICE_TOKENS has the same token twice'],
  ['ada=shared-token,ada=shared-token', 'SLUICE_TOKENS has the same token twice'],
])('tokens %s are refused', (tokens, message) => {
  expect(() => serveSettings({}, { SLUICE_TOKENS: tokens })).toThrow(message);
  expect(() => serveSettings({}, { SLUICE_TOKENS: tokens })).toThrow(/^(?!.*(?:shared|of.ada))/);
});

test.each([
  ['1', true],
  ['TRUE', true],
  ['on', true],
  ['*', true],
  ['express:*, sluice', true],
  ['sluice:*', true],
  ['0', false],
  ['off', false],
  ['express:*', false],
  ['-sluice', false],
])('DEBUG=%s is read as %s', (DEBUG, expected) => {
  expect(serveSettings({}, { DEBUG }).debug).toBe(expected);
});

test.each([
  [
    'CORS_ORIGINS',
    '*',
    'CORS_ORIGINS or --cors-origins has "*", which is not an origin: give a list such as ',
  ],
  [
    'CORS_ORIGINS',
    'https://a.example, b.example',
    'CORS_ORIGINS or --cors-origins has "b.example", which is ',
  ],
  [
    'CORS_ORIGINS',
    'https://a.example/',
    'CORS_ORIGINS or --cors-origins has "https://a.example/", which is ',
  ],
  ['HOSTS', 'https://a.example', 'HOSTS or --hosts has "https://a.example", which is not a host name: '],
  ['REDIS_URL', '127.0.0.1:6379', 'REDIS_URL or --redis-url is not an address of such a service: '],
  ['REDIS_URL', 'https://u:secret@r', 'REDIS_URL or --redis-url is not an address of such a service: '],
  ['DATABASE_URL', 'mysql://u:secret@h/d', 'DATABASE_URL or --database-url is not an address of such a '],
])('%s=%s is refused, and the error quotes no address that may hold a password', (name, value, message) => {
  expect(() => serveSettings({}, { [name]: value })).toThrow(message);
  expect(() => serveSettings({}, { [name]: value })).toThrow(/^(?!.*secret)/);
});

test.each(['a.example', 'a.example:8443', '127.0.0.1', '[::1]:3000', 'localhost'])(
  'HOSTS=%s is taken',
  (host) => {
    expect(serveSettings({}, { HOSTS: host }).hosts).toEqual([host]);
  },
);

test('each setting but tokens and keys has a flag, which comes before the environment', () => {
  const environment = {
    CORS_ORIGINS: 'https://env.example',
    HOSTS: 'env.example',
    REDIS_URL: 'redis://env',
    DATABASE_URL: 'postgres://env',
    DEBUG: '0',
  };
  const flags = {
    corsOrigins: 'https://flag.example',
    hosts: 'flag.example',
    redisUrl: 'rediss://flag',
    databaseUrl: 'postgresql://flag',
    debug: true,
  };
  expect(serveSettings(flags, environment)).toMatchObject({
    origins: ['https://flag.example'],
    hosts: ['flag.example'],
    redisUrl: 'rediss://flag',
    databaseUrl: 'postgresql://flag',
    debug: true,
  });
});

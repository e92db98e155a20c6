import { expect, test } from 'vitest';
import { serveSettings } from '../../cli/serve/serve-settings.ts';

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

test.each(['x', '-1', '65536', '1.5'])('a port %s is refused', (port) => {
  expect(() => serveSettings({ port }, {})).toThrow('The port is not a number from 0 to 65535');
});

test.each(['token', '=token-of-nobody', 'ada=short'])(
  'tokens %s are refused, and the error does not quote them',
  (tokens) => {
    expect(() => serveSettings({}, { SLUICE_TOKENS: tokens })).toThrow(
      /^SLUICE_TOKENS is not a list such as ada=a-long-token/,
    );
  },
);

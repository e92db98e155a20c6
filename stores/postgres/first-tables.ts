import type { Names } from './options.ts';
import type { Queries } from './pool.ts';

const SUMS = `turns bigint NOT NULL DEFAULT 0,
  input_tokens double precision NOT NULL DEFAULT 0,
  output_tokens double precision NOT NULL DEFAULT 0,
  total_tokens double precision NOT NULL DEFAULT 0,
  cached_input_tokens double precision NOT NULL DEFAULT 0,
  cache_write_tokens double precision NOT NULL DEFAULT 0,
  reasoning_tokens double precision NOT NULL DEFAULT 0,
  usage_estimated boolean NOT NULL DEFAULT false,
  cost_status text NOT NULL DEFAULT 'exact',
  total_usd double precision DEFAULT 0,
  input_usd double precision,
  output_usd double precision,
  cache_read_usd double precision,
  cache_write_usd double precision`;

/** The tables of version 1. */
export async function makeFirstTables(queries: Queries, names: Names): Promise<void> {
  const text = `
CREATE SEQUENCE ${names.tokens};
CREATE TABLE ${names.sessions} (
  key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  version bigint NOT NULL DEFAULT 0,
  messages bigint NOT NULL DEFAULT 0,
  content text NOT NULL,
  token bigint NOT NULL DEFAULT 0,
  leased_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz,
  ${SUMS},
  UNIQUE (owner, id)
) WITH (fillfactor = 80);
CREATE INDEX ${names.index('sessions_expiry')} ON ${names.sessions} (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE ${names.turns} (
  session bigint NOT NULL REFERENCES ${names.sessions} ON DELETE CASCADE,
  owner text COLLATE "C" NOT NULL,
  turn_id text COLLATE "C" NOT NULL,
  part integer NOT NULL,
  version bigint NOT NULL,
  upto bigint NOT NULL,
  messages integer NOT NULL,
  content text NOT NULL,
  PRIMARY KEY (session, turn_id, part)
);
CREATE INDEX ${names.index('turns_window')} ON ${names.turns} (session, upto) WHERE messages > 0;
CREATE TABLE ${names.owners} (
  owner text COLLATE "C" PRIMARY KEY,
  ${SUMS}
) WITH (fillfactor = 80);`;
  await queries.query({ text, values: [] });
}

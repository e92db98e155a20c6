-- Tables of version 1, as migration.test.ts opens them.
CREATE SCHEMA first;
CREATE TABLE first.sluice_migrations (
    version integer NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE TABLE first.sluice_owners (
    owner text NOT NULL COLLATE pg_catalog."C",
    turns bigint DEFAULT 0 NOT NULL,
    input_tokens double precision DEFAULT 0 NOT NULL,
    output_tokens double precision DEFAULT 0 NOT NULL,
    total_tokens double precision DEFAULT 0 NOT NULL,
    cached_input_tokens double precision DEFAULT 0 NOT NULL,
    cache_write_tokens double precision DEFAULT 0 NOT NULL,
    reasoning_tokens double precision DEFAULT 0 NOT NULL,
    usage_estimated boolean DEFAULT false NOT NULL,
    cost_status text DEFAULT 'exact'::text NOT NULL,
    total_usd double precision DEFAULT 0,
    input_usd double precision,
    output_usd double precision,
    cache_read_usd double precision,
    cache_write_usd double precision
)
WITH (fillfactor='80');
CREATE TABLE first.sluice_sessions (
    key bigint NOT NULL,
    owner text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint DEFAULT 0 NOT NULL,
    messages bigint DEFAULT 0 NOT NULL,
    content text NOT NULL,
    token bigint DEFAULT 0 NOT NULL,
    leased_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone,
    turns bigint DEFAULT 0 NOT NULL,
    input_tokens double precision DEFAULT 0 NOT NULL,
    output_tokens double precision DEFAULT 0 NOT NULL,
    total_tokens double precision DEFAULT 0 NOT NULL,
    cached_input_tokens double precision DEFAULT 0 NOT NULL,
    cache_write_tokens double precision DEFAULT 0 NOT NULL,
    reasoning_tokens double precision DEFAULT 0 NOT NULL,
    usage_estimated boolean DEFAULT false NOT NULL,
    cost_status text DEFAULT 'exact'::text NOT NULL,
    total_usd double precision DEFAULT 0,
    input_usd double precision,
    output_usd double precision,
    cache_read_usd double precision,
    cache_write_usd double precision
)
WITH (fillfactor='80');
ALTER TABLE first.sluice_sessions ALTER COLUMN key ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME first.sluice_sessions_key_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE SEQUENCE first.sluice_tokens
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE first.sluice_turns (
    session bigint NOT NULL,
    owner text NOT NULL COLLATE pg_catalog."C",
    turn_id text NOT NULL COLLATE pg_catalog."C",
    part integer NOT NULL,
    version bigint NOT NULL,
    upto bigint NOT NULL,
    messages integer NOT NULL,
    content text NOT NULL
);
INSERT INTO first.sluice_migrations VALUES (1, '2026-11-29 13:01:44.1226+00');
INSERT INTO first.sluice_owners VALUES ('ada', 3, 30, 15, 45, 0, 0, 0, true, 'unknown', NULL, NULL, NULL, NULL, NULL);
INSERT INTO first.sluice_owners VALUES ('o\0"\\
', 1, 10, 5, 15, 0, 0, 0, false, 'exact', 1, 1, NULL, NULL, NULL);
INSERT INTO first.sluice_sessions OVERRIDING SYSTEM VALUE VALUES (1, 'ada', 'talk', 4, 2, '{"v":1,"metadata":{"mood":"calm","odd \"key\"\u0000\ud800":["\u0000",{"deep":null}],"rank":2},"pending":[{"type":"tool_call","id":"c","name":"pay","arguments":{"usd":1}}]}', 1, NULL, '2026-11-29 13:01:44.127273+00', '2026-11-29 13:01:44.257765+00', NULL, 2, 20, 10, 30, 0, 0, 0, true, 'estimated', 0.75, 0.75, NULL, NULL, NULL);
INSERT INTO first.sluice_sessions OVERRIDING SYSTEM VALUE VALUES (2, 'ada', 'long', 2, 121, '{"v":1,"metadata":{},"pending":[]}', 0, NULL, '2026-11-29 13:01:44.30512+00', '2026-11-29 13:01:44.327676+00', NULL, 1, 10, 5, 15, 0, 0, 0, false, 'unknown', NULL, NULL, NULL, NULL, NULL);
INSERT INTO first.sluice_sessions OVERRIDING SYSTEM VALUE VALUES (3, 'o\0"\\
', '\\n"\0é', 1, 1, '{"v":1,"metadata":{},"pending":[]}', 0, NULL, '2026-11-29 13:01:44.342153+00', '2026-11-29 13:01:44.354606+00', NULL, 1, 10, 5, 15, 0, 0, 0, false, 'exact', 1, 1, NULL, NULL, NULL);
INSERT INTO first.sluice_sessions OVERRIDING SYSTEM VALUE VALUES (4, 'ada', 'leased', 0, 0, '{"v":1,"metadata":{},"pending":[]}', 2, '2026-11-29 13:02:44.356977+00', '2026-11-29 13:01:44.356981+00', '2026-11-29 13:01:44.356981+00', '2026-11-30 13:01:44.356977+00', 0, 0, 0, 0, 0, 0, 0, false, 'exact', 0, NULL, NULL, NULL, NULL);
INSERT INTO first.sluice_sessions OVERRIDING SYSTEM VALUE VALUES (5, 'ada', 'fork', 1, 60, '{"v":1,"metadata":{},"pending":[]}', 0, NULL, '2026-11-29 13:01:44.368343+00', '2026-11-29 13:01:44.368343+00', NULL, 0, 0, 0, 0, 0, 0, 0, false, 'exact', 0, NULL, NULL, NULL, NULL);
INSERT INTO first.sluice_turns VALUES (1, 'ada', 't1.input', 1, 1, 1, 1, '{"v":1,"messages":[{"role":"user","content":"q1"}]}');
INSERT INTO first.sluice_turns VALUES (1, 'ada', 't1.reply', 1, 2, 2, 1, '{"v":1,"messages":[{"role":"assistant","content":[{"type":"text","text":"a1"}]}],"end":{"outcome":"completed","finishReason":"stop","model":"m","provider":"p","leaseToken":1,"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15,"cachedInputTokens":0,"cacheWriteTokens":0,"reasoningTokens":0},"cost":{"status":"exact","totalUsd":0.5,"inputUsd":0.5}}}');
INSERT INTO first.sluice_turns VALUES (1, 'ada', 'noted', 1, 4, 2, 0, '{"v":1,"messages":[],"end":{"outcome":"completed","finishReason":"stop","model":"m","provider":"p","leaseToken":1,"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15,"cachedInputTokens":0,"cacheWriteTokens":0,"reasoningTokens":0,"estimated":true},"cost":{"status":"estimated","totalUsd":0.25,"inputUsd":0.25}}}');
INSERT INTO first.sluice_turns VALUES (2, 'ada', 'import', 1, 1, 16, 16, '{"v":1,"messages":[{"role":"user","content":"m0"},{"role":"user","content":"m1"},{"role":"user","content":"m2"},{"role":"user","content":"m3"},{"role":"user","content":"m4"},{"role":"user","content":"m5"},{"role":"user","content":"m6"},{"role":"user","content":"m7"},{"role":"user","content":"m8"},{"role":"user","content":"m9"},{"role":"user","content":"m10"},{"role":"user","content":"m11"},{"role":"user","content":"m12"},{"role":"user","content":"m13"},{"role":"user","content":"m14"},{"role":"user","content":"m15"}]}');
INSERT INTO first.sluice_turns VALUES (2, 'ada', 'import', 2, 1, 32, 16, '{"v":1,"messages":[{"role":"user","content":"m16"},{"role":"user","content":"m17"},{"role":"user","content":"m18"},{"role":"user","content":"m19"},{"role":"user","content":"m20"},{"role":"user","content":"m21"},{"role":"user","content":"m22"},{"role":"user","content":"m23"},{"role":"user","content":"m24"},{"role":"user","content":"m25"},{"role":"user","content":"m26"},{"role":"user","content":"m27"},{"role":"user","content":"m28"},{"role":"user","content":"m29"},{"role":"user","content":"m30"},{"role":"user","content":"m31"}]}');
INSERT INTO first.sluice_turns VALUES (2, 'ada', 'import', 3, 1, 48, 16, '{"v":1,"messages":[{"role":"user","content":"m32"},{"role":"user","content":"m33"},{"role":"user","content":"m34"},{"role":"user","content":"m35"},{"role":"user","content":"m36"},{"role":"user","content":"m37"},{"role":"user","content":"m38"},{"role":"user","content":"m39"},{"role":"user","content":"m40"},{"role":"user","content":"m41"},{"role":"user","content":"m42"},{"role":"user","content":"m43"},{"role":"user","content":"m44"},{"role":"user","content":"m45"},{"role":"user","content":"m46"},{"role":"user","content":"m47"}]}');
INSERT INTO first.sluice_turns VALUES (2, 'ada', 'import', 4, 1, 64, 16, '{"v":1,"messages":[{"role":"user","content":"m48"},{"role":"user","content":"m49"},{"role":"user","content":"m50"},{"role":"user","content":"m51"},{"role":"user","content":"m52"},{"role":"user","content":"m53"},{"role":"user","content":"m54"},{"role":"user","content":"m55"},{"role":"user","content":"m56"},{"role":"user","content":"m57"},{"role":"user","content":"m58"},{"role":"user","content":"m59"},{"role":"user","content":"m60"},{"role":"user","content":"m61"},{"role":"user","content":"m62"},{"role":"user","content":"m63"}]}');
INSERT INTO first.sluice_turns VALUES (2, 'ada', 'import', 5, 1, 80, 16, '{"v":1,"messages":[{"role":"user","content":"m64"},{"role":"user","content":"m65"},{"role":"user","content":"m66"},{"role":"user","content":"m67"},{"role":"user","content":"m68"},{"role":"user","content":"m69"},{"role":"user","content":"m70"},{"role":"user","content":"m71"},{"role":"user","content":"m72"},{"role":"user","content":"m73"},{"role":"user","content":"m74"},{"role":"user","content":"m75"},{"role":"user","content":"m76"},{"role":"user","content":"m77"},{"role":"user","content":"m78"},{"role":"user","content":"m79"}]}');
INSERT INTO first.sluice_turns VALUES (2, 'ada', 'import', 6, 1, 96, 16, '{"v":1,"messages":[{"role":"user","content":"m80"},{"role":"user","content":"m81"},{"role":"user","content":"m82"},{"role":"user","content":"m83"},{"role":"user","content":"m84"},{"role":"user","content":"m85"},{"role":"user","content":"m86"},{"role":"user","content":"m87"},{"role":"user","content":"m88"},{"role":"user","content":"m89"},{"role":"user","content":"m90"},{"role":"user","content":"m91"},{"role":"user","content":"m92"},{"role":"user","content":"m93"},{"role":"user","content":"m94"},{"role":"user","content":"m95"}]}');
INSERT INTO first.sluice_turns VALUES (2, 'ada', 'import', 7, 1, 112, 16, '{"v":1,"messages":[{"role":"user","content":"m96"},{"role":"user","content":"m97"},{"role":"user","content":"m98"},{"role":"user","content":"m99"},{"role":"user","content":"m100"},{"role":"user","content":"m101"},{"role":"user","content":"m102"},{"role":"user","content":"m103"},{"role":"user","content":"m104"},{"role":"user","content":"m105"},{"role":"user","content":"m106"},{"role":"user","content":"m107"},{"role":"user","content":"m108"},{"role":"user","content":"m109"},{"role":"user","content":"m110"},{"role":"user","content":"m111"}]}');
INSERT INTO first.sluice_turns VALUES (2, 'ada', 'import', 8, 1, 120, 8, '{"v":1,"messages":[{"role":"user","content":"m112"},{"role":"user","content":"m113"},{"role":"user","content":"m114"},{"role":"user","content":"m115"},{"role":"user","content":"m116"},{"role":"user","content":"m117"},{"role":"user","content":"m118"},{"role":"user","content":"m119"}]}');
INSERT INTO first.sluice_turns VALUES (2, 'ada', 'last', 1, 2, 121, 1, '{"v":1,"messages":[{"role":"user","content":"last"}],"end":{"outcome":"completed","finishReason":"stop","model":"m","provider":"p","leaseToken":1,"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15,"cachedInputTokens":0,"cacheWriteTokens":0,"reasoningTokens":0},"cost":{"status":"unknown"}}}');
INSERT INTO first.sluice_turns VALUES (3, 'o\0"\\
', '\\t"\0', 1, 1, 1, 1, '{"v":1,"messages":[{"role":"user","content":"odd"}],"end":{"outcome":"completed","finishReason":"stop","model":"m","provider":"p","leaseToken":1,"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15,"cachedInputTokens":0,"cacheWriteTokens":0,"reasoningTokens":0},"cost":{"status":"exact","totalUsd":1,"inputUsd":1}}}');
INSERT INTO first.sluice_turns VALUES (5, 'ada', '', 0, 1, 60, 12, '{"v":1,"messages":[{"role":"user","content":"m48"},{"role":"user","content":"m49"},{"role":"user","content":"m50"},{"role":"user","content":"m51"},{"role":"user","content":"m52"},{"role":"user","content":"m53"},{"role":"user","content":"m54"},{"role":"user","content":"m55"},{"role":"user","content":"m56"},{"role":"user","content":"m57"},{"role":"user","content":"m58"},{"role":"user","content":"m59"}]}');
INSERT INTO first.sluice_turns VALUES (5, 'ada', '', 1, 1, 16, 16, '{"v":1,"messages":[{"role":"user","content":"m0"},{"role":"user","content":"m1"},{"role":"user","content":"m2"},{"role":"user","content":"m3"},{"role":"user","content":"m4"},{"role":"user","content":"m5"},{"role":"user","content":"m6"},{"role":"user","content":"m7"},{"role":"user","content":"m8"},{"role":"user","content":"m9"},{"role":"user","content":"m10"},{"role":"user","content":"m11"},{"role":"user","content":"m12"},{"role":"user","content":"m13"},{"role":"user","content":"m14"},{"role":"user","content":"m15"}]}');
INSERT INTO first.sluice_turns VALUES (5, 'ada', '', 2, 1, 32, 16, '{"v":1,"messages":[{"role":"user","content":"m16"},{"role":"user","content":"m17"},{"role":"user","content":"m18"},{"role":"user","content":"m19"},{"role":"user","content":"m20"},{"role":"user","content":"m21"},{"role":"user","content":"m22"},{"role":"user","content":"m23"},{"role":"user","content":"m24"},{"role":"user","content":"m25"},{"role":"user","content":"m26"},{"role":"user","content":"m27"},{"role":"user","content":"m28"},{"role":"user","content":"m29"},{"role":"user","content":"m30"},{"role":"user","content":"m31"}]}');
INSERT INTO first.sluice_turns VALUES (5, 'ada', '', 3, 1, 48, 16, '{"v":1,"messages":[{"role":"user","content":"m32"},{"role":"user","content":"m33"},{"role":"user","content":"m34"},{"role":"user","content":"m35"},{"role":"user","content":"m36"},{"role":"user","content":"m37"},{"role":"user","content":"m38"},{"role":"user","content":"m39"},{"role":"user","content":"m40"},{"role":"user","content":"m41"},{"role":"user","content":"m42"},{"role":"user","content":"m43"},{"role":"user","content":"m44"},{"role":"user","content":"m45"},{"role":"user","content":"m46"},{"role":"user","content":"m47"}]}');
SELECT pg_catalog.setval('first.sluice_sessions_key_seq', 5, true);
SELECT pg_catalog.setval('first.sluice_tokens', 2, true);
ALTER TABLE ONLY first.sluice_migrations
    ADD CONSTRAINT sluice_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY first.sluice_owners
    ADD CONSTRAINT sluice_owners_pkey PRIMARY KEY (owner);
ALTER TABLE ONLY first.sluice_sessions
    ADD CONSTRAINT sluice_sessions_owner_id_key UNIQUE (owner, id);
ALTER TABLE ONLY first.sluice_sessions
    ADD CONSTRAINT sluice_sessions_pkey PRIMARY KEY (key);
ALTER TABLE ONLY first.sluice_turns
    ADD CONSTRAINT sluice_turns_pkey PRIMARY KEY (session, turn_id, part);
CREATE INDEX sluice_sessions_expiry ON first.sluice_sessions USING btree (expires_at) WHERE (expires_at IS NOT NULL);
CREATE INDEX sluice_turns_window ON first.sluice_turns USING btree (session, upto) WHERE (messages > 0);
ALTER TABLE ONLY first.sluice_turns
    ADD CONSTRAINT sluice_turns_session_fkey FOREIGN KEY (session) REFERENCES first.sluice_sessions(key) ON DELETE CASCADE;

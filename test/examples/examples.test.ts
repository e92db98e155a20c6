import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';
import { childEnvironment } from '../support/child-environment.ts';

const run = promisify(execFile);
const examples = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.ts'));

/** A line that each example prints when it works; examples are checked in detail by the tests of what they show. */
const prints: Record<string, RegExp> = {
  'ag-ui.ts':
    /asked: RUN_STARTED TOOL_CALL_START [\s\S]*RUN_FINISHED\nwaits: More than 50\nresult: paid 80\nsaid: The money is on its way\./,
  'agent.ts':
    /> mathematician .*6 \* 7[\s\S]*calls calculate[\s\S]*calculate says: 42\n4 model calls[\s\S]*tool mathematician\n {4}execution/,
  'approval.ts':
    /ask: interrupted: approval\nanswer: refund .*"amount":80\} \(More than 50\)\n(answer: completed: The money is on its way\.\n){2}answer: conflict/,
  'chunk-log.ts':
    /second open: reader\nmissed: run to \nstop: pending\nthe owner reads: stopped after 3 chunks\nend: stopped\nlate append: lease_lost/,
  'client.ts':
    /text: quick\nconnection: lost\nconnection: connecting\nconnection: open\ntext: brown\ntext: fox\nstopped: aborted, enough, after "This"\nready, 4 messages[\s\S]*on the server: chat-1/,
  'context-window.ts': /summarize\n.*\| Ada wants to travel[\s\S]*stored: 18 messages[\s\S]*context_length: /,
  'cost.ts': /\$|usd/i,
  'conversation.ts':
    /user-123 -> .*Ada[\s\S]*tokens, cost unknown[\s\S]*fork: 4 messages; the first one has 10\ncleared: 0/,
  'export-owner.ts': /exported: 2 sessions, complete\nforgotten: 2 sessions\nleft: 0 of ada, 1 of bob/,
  'durable-turn.ts':
    /killed, after: book_room set_reminder \nYour room is booked[\s\S]*book_room ran: 1\nset_reminder ran: 2\nthe model was asked here: 1\ntokens of the whole turn: 60 \(an estimate\)/,
  'first-pipeline.ts': /-- stop, \d+ tokens/,
  'gateway.ts':
    /model: assistant\nIt is 21 degrees in Rome\.\nstop, 40 tokens in 2 model calls\nnoted: Pack light\.\nI have noted it\.\nparsed: 21\n400 n/,
  // The results come in any order.
  'http-tool.ts':
    /^(?=[\s\S]*Tom%C3%A9\/weather\?units=metric","token":"\*\*\*","degrees":21)(?=[\s\S]*HTTP 404 Not Found: \{"error":"no such city"\})(?=[\s\S]*as a part of a path)(?=[\s\S]*the host 169\.254\.169\.254 is not allowed)/,
  'logging.ts': /attempt failed .*529[\s\S]*execution completed/,
  'mcp-filesystem.ts':
    /: files_read_text_file, files_write_file, files_list_directory\n[\s\S]*< "buy milk\\ncall Ada\\n"\n> files_write_file\napproved: files_write_file\n[\s\S]*there are 2\.\nwritten: 2 things to do/,
  'own-server.ts':
    /node:http: 200, \d+ events[\s\S]*Express: 200[\s\S]*Fastify: 200[\s\S]*route handler: 200[\s\S]*fetch handler: 200/,
  'pack-tools.ts':
    /error: The arguments are wrong: order: [\s\S]*\{"order":"7","sent":"Monday"\}[\s\S]*offered: lookup\ninvalid_options - .*without a function \(lookup\)/,
  'prompt-pack.ts':
    /note: .*validators are not run[\s\S]*French \{\{company\}\}, in at most 1[\s\S]*without a value \(company\)/,
  'providers.ts': /anthropic: \{"animal":"cat"\} \(stop, \d+ tokens\)\n {2}thought: Whiskers\./,
  'provider-tools.ts':
    /web_search, run by the provider: true\nfound: .*Rivers.*\nsaid: Rivers[\s\S]*drawn: image\/png, 5 bytes\nsaid: Here it is/,
  'rate-limit.ts': /./,
  'regenerate-and-edit.ts':
    /with another answer[\s\S]*<2\/2>[\s\S]*with another beginning\nuser +<2\/2> "My name is Grace[\s\S]*Grace[\s\S]*first branch again\nuser +<1\/2> "My name is Ada[\s\S]*assistant <1\/2>/,
  // Two readers print side by side.
  'resumable-stream.ts':
    /^(?=[\s\S]*behind 2\.0\n {2}3\.0 content to)(?=[\s\S]*asked 1 time)(?=[\s\S]*turnId: 'turn-2')(?=[\s\S]*cancelled stopped)(?=[\s\S]*partial: true)/,
  'retry.ts': /./,
  'server.ts': /^(?:connected, content, complete, done\n){2}401\n4 messages/,
  'structured-output.ts':
    /so far: \{\}\n[\s\S]*so far: \{"customer":"Ada","on":""\}[\s\S]*Ada, in the year 2026, note: none\n2 x tea\n1 x cup\nrepaired: 2 items\noutput: on, items of/,
  'session-encrypted.ts':
    /database has: "\S+ sluice-sealed-1[\s\S]*my name\? -> .*Ada[\s\S]*store, retryable false: .*another key/,
  'session-sqlite.ts':
    /my name\? -> .*Ada[\s\S]*4 messages, the last by the assistant\nacme: 2 turns, \d+ tokens/,
  'session-store-timeout.ts': /store, retryable true: .*load.*\ntried again: completed, 2 messages/,
  'session-turns.ts':
    /one answer: true - replayed: true\nrejected: session_busy - retryable: true\nsuperseded: [\s\S]*instead: Your name is Ada[\s\S]*\(partial\)[\s\S]*4 turns/,
  'session.ts': /user-123 -> .*Ada[\s\S]*\(partial\)[\s\S]*turns 3/,
  'session-postgres.ts': /skipped: |my name\? -> .*Ada[\s\S]*acme: 2 turns, \d+ tokens\nforgotten: 1 session/,
  'session-redis.ts': /skipped: |my name\? -> .*Ada[\s\S]*acme: 2 turns, \d+ tokens\nforgotten: 1 session/,
  // A short answer may be over before the last request comes.
  'shared-callers.ts': /skipped: |passed at once: [2-6]\nticket, first time: 200\nticket, second time: 401/,
  'shared-limits.ts':
    /skipped: |5 answered, 5 rate_limited[\s\S]*3 answered, 7 budget[\s\S]*4 answered, 6 budget/,
  'shutdown.ts': /refused: shutting_down\nfinished: I was already talking\.\nproviders closed: 1/,
  'streams.ts': /line {4}"second line"[\s\S]*tee {5}true[\s\S]*partial "First line/,
  'streams-reset.ts':
    /"Paris is the cap"\nscreen {2}""\n[\s\S]*reset {3}network\nscreen {2}""\n[\s\S]*is Paris\."\nsent {4}"Paris is "[\s\S]*failed {2}network/,
  'ten-models.ts':
    /^(?=[\s\S]*groq\/llama-3\.3-70b-versatile: Paris is)(?=[\s\S]*google\/gemini-3-flash: Paris is the capital of France\. \(20 tokens\))[\s\S]*10 models, 10 requests/,
  'tools.ts': /calculate\(\{"expression":"6 \* 7"\}\)\nThe tool calculate says: 42/,
  'weather-agent.ts':
    /find_city[\s\S]*error: The tool failed: There is no city Atlantis[\s\S]*Asking the station[\s\S]*60 tokens in 3 calls/,
  'ui-message-stream.ts':
    /asked: start start-step text-start [\s\S]*tool-approval-request finish-step finish\noutput: paid 80\nsaid: The money is on its way\./,
  'write-a-middleware.ts': /interrupted - long enough - One two three[\s\S]*permission - No tenant\./,
};

describe('every example runs without a key', () => {
  test.concurrent.each(examples)('%s', async (name) => {
    const env = { ...childEnvironment(), NO_COLOR: '1' };
    const { stdout } = await run(process.execPath, [join(root, 'examples', name)], { env, timeout: 60_000 });
    expect(stdout).toMatch(prints[name] ?? /\S/);
  });
});

import { isDeepStrictEqual } from 'node:util';
import { noUsage, sumUsage } from '../../src/index.ts';
import type { Message, SessionState, Spend, StoredTurn } from '../../src/index.ts';
import type { LogLine } from './log.ts';
import { treeOf, waysOf } from './kept-turns.ts';
import { ASKED, END, inputFault, nameOf, stampOf, textIn } from './stamp.ts';

/** A session at the end of a history, with every append that the ids in the logs refer to. */
export interface KeptSession {
  state: SessionState;
  turns: StoredTurn[];
  /** Its branches: the way to the end of each. */
  branches?: undefined | readonly { ids: readonly string[]; messages: readonly Message[] }[];
  /** What its copies have. */
  copies?: undefined | readonly (readonly Message[])[];
}

/** What is stored, and what the workers have logged. */
export interface Kept {
  logs: readonly LogLine[];
  sessions: readonly KeptSession[];
  /** What the owner of all sessions has spent. */
  spend: Spend;
}

/** All violations of the rules, one sentence each. An empty list means that the history is correct. */
export function violationsOf({ logs, sessions, spend }: Kept): string[] {
  const found = logs.flatMap((line) => (line.what === 'violation' ? [line.text] : []));
  for (const session of sessions) found.push(...sessionFaults(session), ...branchFaults(session));
  found.push(...ackFaults(logs, sessions), ...doubled(sessions), ...spendFaults(sessions, spend));
  return found;
}

/** The content of a reply: the text of all its messages. */
function contentOf(messages: readonly Message[]): string {
  return messages.map((message) => (message.role === 'assistant' ? textIn(message) : '')).join('');
}

function sessionFaults({ state, turns }: KeptSession): string[] {
  const at = (text: string): string => `session ${state.id}: ${text}`;
  const found: string[] = [];
  const fault = inputFault(state.messages);
  if (fault !== undefined) found.push(at(`what is loaded is not valid input: ${fault}`));
  const ordered = turns.toSorted((a, b) => a.version - b.version);
  if (
    !isDeepStrictEqual(
      ordered.map(({ version }) => version),
      numbers(state.version),
    )
  )
    found.push(
      at(
        `has version ${state.version}, but its appends have ${ordered.map((turn) => turn.version).join(' ')}`,
      ),
    );
  const ways = waysOf(ordered);
  if (!isDeepStrictEqual(state.messages, ways.at(-1) ?? []))
    found.push(at('its messages are not those of its appends, in their order'));
  if (state.messageCount !== state.messages.length)
    found.push(at(`counts ${state.messageCount} messages, but has ${state.messages.length}`));
  const ends = ordered.flatMap(({ end }) => (end === undefined ? [] : [end]));
  if (state.turns !== ends.length)
    found.push(at(`counts ${state.turns} turns, but ${ends.length} have ended`));
  if (!isDeepStrictEqual(plain(state.usage), plain(sumUsage(ends.map(({ usage }) => usage)))))
    found.push(at('its usage is not that of its turns'));
  for (const [number, turn] of ordered.entries()) {
    if (isReply(turn)) found.push(...replyFaults(turn, ordered, ways[number - 1] ?? []).map(at));
  }
  return found;
}

/** Whether everything that was ever stored can be read on a branch, and copies have what the session had. */
function branchFaults({ state, turns, branches = [], copies = [] }: KeptSession): string[] {
  const found: string[] = [];
  const { ways, to } = treeOf(turns.toSorted((a, b) => a.version - b.version));
  for (const { ids, messages } of branches)
    if (!isDeepStrictEqual(messages, to.get(ids.at(-1) ?? '') ?? []))
      found.push(`the branch to ${ids.at(-1) ?? ''} has other messages than were stored`);
  const there = new Set(branches.flatMap(({ ids }) => ids));
  for (const id of branches.length > 0 ? to.keys() : [])
    if (!there.has(id)) found.push(`the message ${id} is on no branch`);
  for (const messages of copies)
    if (!ways.some((way) => isDeepStrictEqual(messages, way)))
      found.push('a copy has what the session never had');
  return found.map((text) => `session ${state.id}: ${text}`);
}

function isReply({ turnId }: StoredTurn): boolean {
  return /\.reply(\.\d+)?$/.test(turnId);
}

/** Whether a reply is complete, and nothing was stored between it and what its model saw. */
function replyFaults(turn: StoredTurn, all: readonly StoredTurn[], before: readonly Message[]): string[] {
  const found: string[] = [];
  const content = contentOf(turn.messages);
  const whole = turn.end?.outcome === 'completed';
  const partial = turn.messages.some((message) => message.partial === true);
  if (turn.end === undefined) found.push(`${turn.turnId} has no end`);
  // A partial reply may end right after its last word.
  if (whole && !content.endsWith(END)) found.push(`${turn.turnId} is completed, but its text is not`);
  if (turn.messages.length > 0 && whole === partial)
    found.push(
      `${turn.turnId} ended ${turn.end?.outcome ?? ''}, and is ${partial ? '' : 'not '}marked partial`,
    );
  const stamp = stampOf(content);
  if (stamp === undefined) return found;
  if (stamp.seen !== turn.version - 1)
    found.push(`${turn.turnId} is version ${turn.version}, but its model saw ${stamp.seen}: interleaved`);
  if (!turn.turnId.startsWith(`${stamp.turn}.reply`)) found.push(`${turn.turnId} answers ${stamp.turn}`);
  if (stamp.fresh) {
    const input = all.find(({ turnId }) => turnId === `${stamp.turn}.input`);
    if (input?.version !== turn.version - 1)
      found.push(`${turn.turnId} does not follow its input: interleaved`);
    const asked = stamp.windowed === true ? Math.max(1, stamp.asked.length) : ASKED;
    if (!isDeepStrictEqual(before.slice(-asked).map(nameOf), stamp.asked))
      found.push(`${turn.turnId}: the model was not sent what is stored before it`);
  }
  return found;
}

/** Whether everything acknowledged is stored, and everything begun was acknowledged in the end. */
function ackFaults(logs: readonly LogLine[], sessions: readonly KeptSession[]): string[] {
  const found: string[] = [];
  const kept = new Map(
    sessions.map(({ state, turns }) => [state.id, new Map(turns.map((turn) => [turn.turnId, turn]))]),
  );
  const done = new Set<string>();
  // To answer a message that has no reply yet stores nothing before the reply.
  const regenerated = new Set(
    logs.flatMap((line) => (line.what === 'begin' && line.act.does === 'regenerate' ? [line.turn] : [])),
  );
  for (const line of logs) {
    if (line.what === 'abandon') done.add(line.turn);
    if (line.what !== 'ack') continue;
    done.add(line.turn);
    const turns = kept.get(line.session) ?? new Map<string, StoredTurn>();
    if (!turns.has(`${line.turn}.input`) && !regenerated.has(line.turn))
      found.push(`${line.turn} was acknowledged, but its input is lost`);
    const replies = [...turns.values()].filter(
      ({ turnId, end }) => turnId.startsWith(`${line.turn}.reply`) && end?.outcome === 'completed',
    );
    if (!replies.some(({ messages }) => contentOf(messages) === line.content))
      found.push(`${line.turn} was acknowledged, but its reply is lost`);
  }
  for (const line of logs)
    if (line.what === 'begin' && !done.has(line.turn)) found.push(`${line.turn} was never acknowledged`);
  return found;
}

/** Whether anything is stored twice: a user's message, a run of the model, the finished reply to one turn. */
function doubled(sessions: readonly KeptSession[]): string[] {
  const seen = new Set<string>();
  const found: string[] = [];
  const once = (what: string): void => {
    if (seen.has(what)) found.push(`${what} is stored twice`);
    seen.add(what);
  };
  for (const { state, turns } of sessions) {
    for (const message of state.messages) if (message.role === 'user') once(`the message ${textIn(message)}`);
    for (const { turnId, messages, end } of turns) {
      const stamp = stampOf(contentOf(messages));
      if (stamp !== undefined) once(`the reply ${stamp.nonce}`);
      if (end?.outcome === 'completed') once(`a finished reply of ${turnId.replace(/\.reply(\.\d+)?$/, '')}`);
    }
  }
  return found;
}

function spendFaults(sessions: readonly KeptSession[], spend: Spend): string[] {
  const usage = sumUsage(sessions.map(({ state }) => state.usage));
  const turns = sessions.reduce((sum, { state }) => sum + state.turns, 0);
  return spend.turns === turns && isDeepStrictEqual(plain(spend.usage), plain(usage))
    ? []
    : [`the owner has ${spend.turns} turns and the sessions have ${turns}, or their usage differs`];
}

const numbers = (to: number): number[] => Array.from({ length: to }, (_, at) => at + 1);
const plain = (usage: object): unknown => ({ ...noUsage(), ...JSON.parse(JSON.stringify(usage)) });

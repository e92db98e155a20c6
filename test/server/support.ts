import { EventSourceParserStream } from 'eventsource-parser/stream';

/** An event as a client parses it. */
export interface ParsedEvent {
  id: string | undefined;
  event: string | undefined;
  data: string;
}

/** The events of a response, as the parser that most clients use reads them. */
export async function eventsOf(response: Response): Promise<ParsedEvent[]> {
  const events: ParsedEvent[] = [];
  const parsed = response.body
    ?.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  if (parsed === undefined) return events;
  for await (const { id, event, data } of parsed) events.push({ id, event, data });
  return events;
}

/** The data of events as objects, without what differs from run to run. */
export function dataOf(events: readonly ParsedEvent[]): Record<string, unknown>[] {
  return events.map(({ data }) => {
    const {
      timestamp: _timestamp,
      startedAt: _startedAt,
      ...rest
    } = JSON.parse(data) as Record<string, unknown>;
    return rest;
  });
}

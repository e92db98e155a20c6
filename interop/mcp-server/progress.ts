/** The longest message of progress. */
const MAX_CHARACTERS = 2_000;

/** What a notification of progress says. */
export interface Told {
  readonly progress: number;
  readonly total?: number;
  readonly message?: string;
}

/**
 * Makes notifications of what tools report. Numbers named `progress` and `total` are passed on as long as they grow; anything else is counted, and is the message as
 * text or JSON.
 */
export function progressOf(): (data: unknown) => Told {
  let last = 0;
  return (data) => {
    const fields = typeof data === 'object' && data !== null ? data : {};
    const given: unknown = Reflect.get(fields, 'progress');
    const total: unknown = Reflect.get(fields, 'total');
    const said: unknown = typeof given === 'number' ? Reflect.get(fields, 'message') : data;
    last = typeof given === 'number' && given > last ? given : last + 1;
    const message = typeof said === 'string' || said === undefined ? said : JSON.stringify(said);
    return {
      progress: last,
      ...(typeof total === 'number' && { total }),
      ...(message !== undefined && { message: message.slice(0, MAX_CHARACTERS).toWellFormed() }),
    };
  };
}

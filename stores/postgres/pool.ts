/** One statement, as `pg` takes it. */
export interface PostgresQuery {
  text: string;
  values: unknown[];
  /** The name under which the server caches the plan of the statement, per connection. */
  name?: string;
}

/** The part of a connection of `pg` that is used. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<{ rows: unknown[] }>;
  /** `destroy`: closes the connection at once instead of returning it to the pool. */
  release(destroy?: boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

/** The part of a `Pool` of `pg` that is used. Statements use a connection from `connect()`, because a query of the pool could not be aborted. */
export interface PostgresPool {
  /** Calls back with a connection, as `pg` does, or resolves to one. */
  connect(
    callback: (error: Error | undefined, client: PostgresClient | undefined) => void,
  ): void | Promise<PostgresClient>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  end(): Promise<void>;
}

/** Runs statements on a connection, within the time limit of its call. */
export interface Queries {
  query(query: PostgresQuery): Promise<{ rows: unknown[] }>;
}

/**
 * Takes a connection from the pool. It must have an error listener at once, which only a callback can add: a server may end a connection in the
 * same packet in which it opens it, and without a listener the process would end. The next query reports the error.
 */
export function takeClient(pool: PostgresPool): Promise<PostgresClient> {
  return new Promise((resolve, reject) => {
    const taken = (client: PostgresClient): void => {
      client.on('error', ignore);
      resolve(client);
    };
    const answer = pool.connect((error, client) => {
      if (client === undefined)
        reject(error ?? new Error('The pool gave neither a connection nor an error.'));
      else taken(client);
    });
    if (answer instanceof Promise) answer.then(taken, reject);
  });
}

/** Returns it to the pool, or closes it. */
export function giveBack(client: PostgresClient, destroy: boolean): void {
  client.removeListener('error', ignore);
  client.release(destroy);
}

function ignore(): void {
  // The next query reports it.
}

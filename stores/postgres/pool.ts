/** One statement, as `pg` takes it. */
export interface PostgresQuery {
  text: string;
  values: unknown[];
  /** Under this name the server keeps the plan of the statement, one each connection. */
  name?: string;
}

/** What is used of a connection of `pg`. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<{ rows: unknown[] }>;
  /** `destroy`: closes the connection, whatever it still waits for, in place of giving it back. */
  release(destroy?: boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

/** What is used of a `Pool` of `pg`. Statements go over a connection of `connect()`: a query of the pool could not be withdrawn. */
export interface PostgresPool {
  /** Calls back with a connection, as `pg` does, or resolves to one. */
  connect(
    callback: (error: Error | undefined, client: PostgresClient | undefined) => void,
  ): void | Promise<PostgresClient>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  end(): Promise<void>;
}

/** What answers statements: a connection, in the time that its call has. */
export interface Queries {
  query(query: PostgresQuery): Promise<{ rows: unknown[] }>;
}

/**
 * Takes a connection of the pool. Its errors are listened to from the first moment, which only a callback sees: a server may end a connection in the
 * same packet in which it opens it, and without a listener the process would end. The next query says what broke.
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

/** Gives it back, or closes it. */
export function giveBack(client: PostgresClient, destroy: boolean): void {
  client.removeListener('error', ignore);
  client.release(destroy);
}

function ignore(): void {
  // The next query says it.
}

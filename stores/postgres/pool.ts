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
  connect(): Promise<PostgresClient>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  end(): Promise<void>;
}

/** What answers statements: a connection, in the time that its call has. */
export interface Queries {
  query(query: PostgresQuery): Promise<{ rows: unknown[] }>;
}

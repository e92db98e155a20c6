/** One statement, as `pg` takes it. */
export interface PostgresQuery {
  text: string;
  values: unknown[];
  /** Under this name the server keeps the plan of the statement, one each connection. */
  name?: string;
  /** `pg` gives the answer up after so many milliseconds. */
  query_timeout?: number;
}

/** What is used of a connection of `pg`. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<{ rows: unknown[] }>;
  release(destroy?: boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

/** What is used of a `Pool` of `pg`. */
export interface PostgresPool {
  query(query: PostgresQuery): Promise<{ rows: unknown[] }>;
  connect(): Promise<PostgresClient>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  end(): Promise<void>;
}

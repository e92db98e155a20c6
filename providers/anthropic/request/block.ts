/** A content block of the API, as plain JSON. */
export type Block = Record<string, unknown>;

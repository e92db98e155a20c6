import type { OutputForms } from './forms.ts';
import type { OutputSchema } from './schema.ts';

/** The output that an execution was asked for. */
export interface RequestedOutput {
  readonly schema: OutputSchema;
  /** What those who read the stream need to know. */
  readonly forms: OutputForms;
}

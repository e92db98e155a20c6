import { isRecord, text } from '../../wire/index.ts';

/** Whether the `error` field of an event or of its delta holds an error. Otherwise it is null or absent. */
export function isErrorField(error: unknown): boolean {
  return isRecord(error) || (typeof error === 'string' && error.trim() !== '');
}

/** Fields of errors without a type, as FastAPI, gateways and clouds send them. */
const ERROR_FIELDS = [
  'message',
  'msg',
  'detail',
  'details',
  'code',
  'error_code',
  'error_message',
  'errorMessage',
] as const;

/** Whether an event of an unknown type is an error, by the name of its type, or by its fields if it has no type. */
export function isErrorEvent(data: Record<string, unknown>): boolean {
  if (data['object'] === 'error') return true;
  const type = text(data['type']) ?? '';
  if (type !== '') return /(?:error|exception)$/i.test(type);
  return ERROR_FIELDS.some((field) => hasValue(data[field]));
}

function hasValue(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() !== '';
  if (typeof value === 'number') return value >= 400;
  return Array.isArray(value) ? value.length > 0 : isRecord(value);
}

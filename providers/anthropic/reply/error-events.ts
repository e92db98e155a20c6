import { isRecord, text } from '../../wire/index.ts';

/** Whether the `error` field of an event, or of its delta, says that something went wrong. It is null or absent in good ones. */
export function isErrorField(error: unknown): boolean {
  return isRecord(error) || (typeof error === 'string' && error.trim() !== '');
}

/** Fields that tell of an error in an object that has no type: what FastAPI, gateways and clouds answer with. */
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

/** Whether an event of no type that the wire knows is an error: by its type's own name, or by its fields if it has none. */
export function isErrorEvent(data: Record<string, unknown>): boolean {
  if (data['object'] === 'error') return true;
  const type = text(data['type']) ?? '';
  if (type !== '') return /(?:error|exception)$/i.test(type);
  return ERROR_FIELDS.some((field) => isSaid(data[field]));
}

function isSaid(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() !== '';
  if (typeof value === 'number') return value >= 400;
  return Array.isArray(value) ? value.length > 0 : isRecord(value);
}

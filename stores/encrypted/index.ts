export { encrypted } from './encrypted-store.ts';
export type { EncryptionKey, Keyring } from './keyring.ts';

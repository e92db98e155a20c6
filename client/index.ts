/**
 * The client of a Sluice server, on `fetch`: for browsers, React Native, Node, Deno and Bun.
 *
 * @module
 */
export { Client, createClient } from './client.ts';
export type { ServerMetadata } from './client.ts';
export { Chat } from './chat.ts';
export type { ChatOptions } from './chat.ts';
export type { ChatMessage, ChatState, ChatStatus, ToolDraft } from './chat-state.ts';
export { ClientStream } from './stream.ts';
export { Conversations } from './conversations.ts';
export type {
  Conversation,
  ConversationBranch,
  ConversationPage,
  ConversationScope,
  TurnOfConversation,
} from './conversations.ts';
export type { ClientInput, ClientOptions, StreamOptions, TurnOptions } from './options.ts';
export type { ConnectionState, ReconnectOptions } from './link.ts';
export { webSocket } from './web-socket.ts';
export type { SocketTransport, WebSocketOptions } from './web-socket.ts';
export { CodedError, isCodedError } from '../src/index.ts';

import { StrictMode, createElement as h, useState } from 'react';
import type { ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { createClient } from '../../../client/index.ts';
import type { ChatMessage } from '../../../client/index.ts';
import { useSluice } from '../../../client/react.ts';

const client = createClient();

function Message({ message, onEdit }: { message: ChatMessage; onEdit: () => void }): ReactNode {
  const text = message.parts.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join(' ');
  return h(
    'li',
    { 'data-role': message.role, 'data-state': message.state },
    h('span', null, text),
    message.role === 'user' && h('button', { onClick: onEdit }, 'edit'),
  );
}

function App(): ReactNode {
  const [conversation, setConversation] = useState('chat-1');
  const [draft, setDraft] = useState('');
  const chat = useSluice({ client, conversation });
  const [call] = chat.pending;
  return h(
    'main',
    null,
    h('output', { 'data-status': chat.status }, chat.status),
    h('p', { id: 'error' }, chat.error?.code ?? ''),
    h(
      'ol',
      null,
      chat.history.map((message) =>
        h(Message, { key: message.key, message, onEdit: () => void chat.edit(message.key, draft) }),
      ),
    ),
    h('input', {
      'aria-label': 'draft',
      value: draft,
      onChange: ({ currentTarget }: { currentTarget: HTMLInputElement }) => setDraft(currentTarget.value),
    }),
    h('button', { onClick: () => void chat.send(draft) }, 'send'),
    h('button', { onClick: () => void chat.stop() }, 'stop'),
    h('button', { onClick: () => void chat.regenerate() }, 'regenerate'),
    h('button', { onClick: () => void chat.resume() }, 'resume'),
    h(
      'button',
      { onClick: () => setConversation((one) => (one === 'chat-1' ? 'chat-2' : 'chat-1')) },
      'other',
    ),
    call !== undefined &&
      h('p', null, call.name, h('button', { onClick: () => void chat.approve(call.callId) }, 'approve')),
  );
}

const root = document.getElementById('root');
if (root !== null) createRoot(root).render(h(StrictMode, null, h(App)));

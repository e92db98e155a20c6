import { useChat } from '@ai-sdk/react';
import { DefaultChatTransport, lastAssistantMessageIsCompleteWithApprovalResponses } from 'ai';
import { createElement as h } from 'react';
import type { ReactNode } from 'react';
import { createRoot } from 'react-dom/client';

function App(): ReactNode {
  const { messages, status, sendMessage, stop, error, resumeStream, addToolApprovalResponse } = useChat({
    id: 'chat-1',
    transport: new DefaultChatTransport({ api: '/api/chat', body: { version: 7, file_urls: true } }),
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });
  return h(
    'main',
    null,
    h('output', { 'data-status': status }, status),
    h('p', { id: 'error' }, error?.message ?? ''),
    h(
      'ol',
      null,
      messages.map(({ id, role, parts }) =>
        h(
          'li',
          { key: id, 'data-role': role },
          parts.map((part, at) => {
            if (part.type === 'text' || part.type === 'reasoning')
              return h('span', { key: at, 'data-type': part.type }, part.text);
            if (part.type === 'file') return h('img', { key: at, alt: 'made', src: part.url });
            if (part.type !== 'dynamic-tool') return null;
            const { approval } = part;
            return h(
              'span',
              { key: at, 'data-type': part.toolName, 'data-state': part.state },
              part.state === 'approval-requested' && approval !== undefined
                ? h(
                    'button',
                    { onClick: () => void addToolApprovalResponse({ id: approval.id, approved: true }) },
                    'approve',
                  )
                : part.state,
            );
          }),
        ),
      ),
    ),
    h('button', { onClick: () => void sendMessage({ text: 'Hello' }) }, 'send'),
    h('button', { onClick: () => void stop() }, 'stop'),
    h('button', { onClick: () => void resumeStream() }, 'resume'),
  );
}

const root = document.getElementById('root');
if (root !== null) createRoot(root).render(h(App));

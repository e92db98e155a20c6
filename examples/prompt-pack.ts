// A conversation with a prompt of a PromptPack: a JSON file with templates, variables and parameters.
import { isSluiceError, textOf } from 'sluice';
import { loadPack, openConversation } from 'sluice/conversation';
import { scripted } from 'sluice/testing';

// A model that answers with its system prompt.
const echo = scripted(({ messages: [first] }) => (first === undefined ? '' : textOf(first)), {
  repeat: true,
});

const pack = await loadPack(new URL('hello.pack.json', import.meta.url));
await using conversation = openConversation({
  pack,
  prompt: 'chat',
  provider: echo,
  variables: { company: 'Acme' },
});

// Warnings list what the pack asks for but this version does not support yet. Every result has them, too.
console.log('note:', conversation.warnings.join(' '));

const first = await conversation.send('Hello');
console.log(`${first.response.content}\n`);

// A variable takes effect in the next turn. Its value is checked and inserted as it is.
conversation.setVariable('language', 'French {{company}}');
conversation.setVariable('sentences', 1);
const second = await conversation.send('Hello');
console.log(`${second.response.content}\n`);

try {
  conversation.setVariable('sentences', 'many');
} catch (error) {
  if (!isSluiceError(error)) throw error;
  console.log(error.code, '-', error.message);
}

const forgetful = openConversation({ pack, prompt: 'chat', provider: echo });
const refused: unknown = await forgetful.send('Hello').catch((error: unknown) => error);
console.log(isSluiceError(refused) ? `${refused.code} - ${refused.message}` : refused);
await forgetful.close();

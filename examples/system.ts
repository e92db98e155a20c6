// Several system prompts, one of them made from the values of the execution, and parameters for every call.
import { Pipeline, contextKey } from 'sluice';
import { provider, system } from 'sluice/middleware';
import { scripted } from 'sluice/testing';

const Tenant = contextKey<string>('tenant');

// A model that answers with the request that it got.
const echo = scripted(
  ({ messages, parameters }) => {
    const lines = messages.map(({ role, content }) => `  ${role}: ${JSON.stringify(content)}`);
    return [...lines, `  parameters: ${JSON.stringify(parameters)}`].join('\n');
  },
  { repeat: true },
);

const pipeline = new Pipeline([
  system('You answer in one sentence.'),
  system((context) => {
    const tenant = context.get(Tenant);
    return tenant === undefined ? undefined : `You work for ${tenant}.`;
  }),
  provider(echo, { temperature: 0, maxTokens: 200 }),
]);

const anonymous = await pipeline.execute('user', 'Who are you?');
console.log('the model sees:');
console.log(anonymous.response.content);

const acme = await pipeline.execute('user', 'Who are you?', {
  values: [Tenant.with('Acme')],
  parameters: { maxTokens: 20 },
});
console.log('with a tenant and parameters of the call:');
console.log(acme.response.content);

// What system() adds is sent but not stored: the turn contains only the conversation.
console.log('the turn holds:', acme.messages.map(({ role }) => role).join(', '));

// An agent that works with files through the reference server of MCP. Reading is free; writing waits until somebody approves it.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Pipeline, decide } from 'sluice';
import type { Input } from 'sluice';
import { mcpTools } from 'sluice/interop/mcp';
import { provider } from 'sluice/middleware';
import { tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';

const folder = await mkdtemp(join(tmpdir(), 'notes-'));
const [todo, summary] = [join(folder, 'todo.txt'), join(folder, 'summary.txt')];
await writeFile(todo, 'buy milk\ncall Ada\n');

// With npx: { command: 'npx', args: ['-y', '@modelcontextprotocol/server-filesystem', folder] }
const program = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-filesystem/dist/index.js'));
await using files = await mcpTools(
  { command: process.execPath, args: [program, folder] },
  {
    prefix: 'files_',
    // Only these tools, and writing has to be approved.
    each: ({ name }) => {
      if (name === 'read_text_file' || name === 'list_directory') return { idempotent: true };
      if (name === 'write_file') return { needsApproval: true };
      return false;
    },
  },
);
console.log(`${files.server?.name}: ${files.tools.map(({ name }) => name).join(', ')}`);

// Plays a model, so that this runs without a key. Use openai() or anthropic() instead.
const model = scripted([
  { toolCalls: [{ name: 'files_list_directory', arguments: { path: folder } }] },
  { toolCalls: [{ name: 'files_read_text_file', arguments: { path: todo } }] },
  { toolCalls: [{ name: 'files_write_file', arguments: { path: summary, content: '2 things to do' } }] },
  'I have counted your notes: there are 2.',
]);
await using pipeline = new Pipeline([tools([files]), provider(model)]);

async function run(input: Input) {
  const stream = pipeline.executeStreamWithContext('notes', input);
  for await (const chunk of stream) {
    if (chunk.type === 'tool_call') console.log(`> ${chunk.name}`);
    if (chunk.type === 'tool_result')
      console.log(`< ${JSON.stringify(chunk.content.replaceAll(folder, ''))}`);
    if (chunk.type === 'content') process.stdout.write(chunk.content);
  }
  return stream.result;
}

const first = await run({ role: 'user', content: 'How much is there to do? Write it down.' });
const [waits] = first.pending ?? [];
if (waits !== undefined) {
  console.log(`approved: ${waits.name}`);
  await run(decide({ [waits.callId]: { approve: true } }));
}
console.log(`\nwritten: ${await readFile(summary, 'utf8')}`);
await rm(folder, { recursive: true });

import type { AnthropicSettings } from './anthropic-messages.ts';
import { addTool, type AnthropicTools } from './anthropic-tools.ts';
import { nameAt, objectAt, type Fields } from './read.ts';

/**
 * The tools that messages of the system add and take away in the course of a conversation. Anthropic's API gets the blocks where they are; other models are offered the tools
 * that there are at the end.
 * Source: `tool_addition` and `tool_removal` of @anthropic-ai/sdk 1.14 (read 2026-11).
 */
export class ToolChanges {
  readonly #settings: AnthropicSettings;
  readonly #added: AnthropicTools = { tools: [], own: [], names: new Set(), isCached: false };
  readonly #removed = new Set<string>();

  constructor(settings: AnthropicSettings) {
    this.#settings = settings;
  }

  /** Notes a change. False: the block is another one. */
  take(block: Fields, path: string): boolean {
    const { type } = block;
    if (type !== 'tool_addition' && type !== 'tool_removal') return false;
    const tool = objectAt(block['tool'], `${path}.tool`);
    if (tool['type'] === 'tool_definition') {
      const at = `${path}.tool.definition`;
      const definition = objectAt(tool['definition'], at);
      this.#forget(definition['name']);
      addTool(this.#added, definition, at, this.#settings);
    } else if (tool['type'] === 'tool_reference') {
      const name = nameAt(tool['name'], `${path}.tool.name`);
      if (type === 'tool_removal') this.#removed.add(name);
      else this.#removed.delete(name);
    }
    return true;
  }

  /** The tools of the request, with the changes. */
  applied(given: AnthropicTools): AnthropicTools {
    const names = new Set([...given.names, ...this.#added.names]);
    // The API has the additions in its messages.
    if (this.#settings.verbatim === true) return { ...given, names };
    const kept = given.tools.filter(({ name }) => !this.#added.names.has(name));
    const tools = [...kept, ...this.#added.tools].filter(({ name }) => !this.#removed.has(name));
    return { ...given, tools, names };
  }

  /** A tool that is defined again takes the place of the one before. */
  #forget(name: unknown): void {
    this.#added.tools = this.#added.tools.filter((tool) => tool.name !== name);
    if (typeof name === 'string') this.#removed.delete(name);
  }
}

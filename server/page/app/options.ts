import { createClient, webSocket } from '../../../client/index.ts';
import type { Client, ServerMetadata } from '../../../client/index.ts';
import { byId, el } from './dom.ts';

/** What its user has chosen. */
export interface Options {
  pipeline: string;
  model: string;
  organization: string;
  conversation: string;
  token: string;
  transport: string;
}

/** Where the choices are kept: for this tab, until it is closed. */
const KEY = 'sluice.options';

/** The dialog with the options, and the client that follows from them. */
export class OptionsDialog {
  readonly #dialog = byId('options', HTMLDialogElement);
  readonly #form = byId('options-form', HTMLFormElement);
  readonly #pipelines = byId('pipeline', HTMLSelectElement);
  readonly #changed: () => void;
  #metadata: ServerMetadata | undefined;
  /** The name of a conversation in which nothing was said yet. */
  #fresh: string | undefined;

  constructor(changed: () => void) {
    this.#changed = changed;
    const kept = readKept();
    this.#fill({ conversation: this.#newName(), transport: 'events', ...kept });
    byId('open-options', HTMLButtonElement).addEventListener('click', () => this.open());
    this.#dialog.addEventListener('close', () => {
      this.#keep();
      this.#changed();
    });
    // A press beside the dialog closes it.
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#pipelines.addEventListener('change', () => this.#listModels());
  }

  open(field?: keyof Options): void {
    this.#dialog.showModal();
    const input = field === undefined ? undefined : this.#form.elements.namedItem(field);
    if (input instanceof HTMLElement) input.focus();
  }

  get values(): Options {
    const data = new FormData(this.#form);
    const text = (name: keyof Options): string => {
      const value = data.get(name);
      return typeof value === 'string' ? value.trim() : '';
    };
    return {
      pipeline: text('pipeline'),
      model: text('model'),
      organization: text('organization'),
      conversation: text('conversation'),
      token: text('token'),
      transport: text('transport'),
    };
  }

  /** Begins another conversation, if the server keeps them. */
  newConversation(): void {
    if (this.values.conversation !== '') this.#fill({ conversation: this.#newName() });
    this.#keep();
  }

  /** Goes to a conversation that the server knows. */
  goTo(conversation: string): void {
    this.#fill({ conversation });
    this.used();
  }

  /** Whether nothing was said yet in the conversation, so that the server does not know it. */
  get isFresh(): boolean {
    return this.values.conversation === this.#fresh;
  }

  /** Something is said in the conversation: it is there when the page is loaded again. */
  used(): void {
    this.#fresh = undefined;
    this.#keep();
  }

  client(): Client {
    const { token, transport } = this.values;
    return createClient({
      ...(token !== '' && { token }),
      ...(transport === 'socket' && { transport: webSocket() }),
      include: ['cost', 'warnings', 'trace'],
    });
  }

  /** Lists what the server has to choose from. */
  offer(metadata: ServerMetadata): void {
    this.#metadata = metadata;
    const { pipeline } = { ...this.values, ...readKept() };
    const names = (metadata.pipelines ?? [{ name: metadata.name }]).map(({ name }) => name);
    this.#pipelines.replaceChildren(...names.map((name) => el('option', { value: name, text: name })));
    if (names.includes(pipeline)) this.#pipelines.value = pipeline;
    this.#listModels();
  }

  #listModels(): void {
    const chosen = this.#metadata?.pipelines?.find(({ name }) => name === this.#pipelines.value);
    const models = chosen?.models ?? [];
    byId('models', HTMLDataListElement).replaceChildren(...models.map((value) => el('option', { value })));
  }

  #fill(values: Partial<Options>): void {
    for (const [name, value] of Object.entries(values)) {
      const field = this.#form.elements.namedItem(name);
      if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value;
    }
  }

  #keep(): void {
    const { conversation, ...values } = this.values;
    sessionStorage.setItem(KEY, JSON.stringify(this.isFresh ? values : { ...values, conversation }));
  }

  #newName(): string {
    this.#fresh = newConversation();
    return this.#fresh;
  }
}

function newConversation(): string {
  return `page-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
}

function readKept(): Partial<Options> {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? '{}');
    if (typeof kept !== 'object' || kept === null) return {};
    return Object.fromEntries(Object.entries(kept).filter(([, value]) => typeof value === 'string'));
  } catch {
    return {};
  }
}

import { Chat, isCodedError } from '../../../client/index.ts';
import type { ChatState, ChatStatus, ConnectionState } from '../../../client/index.ts';
import { Attachments } from './attachments.ts';
import { Composer } from './composer.ts';
import { byId, perFrame, setText } from './dom.ts';
import { EventLog } from './event-log.ts';
import { showExamples } from './examples.ts';
import { Focus } from './focus.ts';
import { brief, wordsOf } from './format.ts';
import { History } from './history.ts';
import { Messages } from './messages.ts';
import { Meters } from './meters.ts';
import { OptionsDialog } from './options.ts';
import { Scrolling } from './scrolling.ts';
import { themeButton } from './theme.ts';
import { Turns } from './turns.ts';
import type { ExecutionChunk } from './types.ts';
import { Waterfall } from './waterfall.ts';

const WORDS: Readonly<Record<ChatStatus, string>> = {
  ready: 'Ready',
  loading: 'Loading',
  sending: 'Waiting',
  streaming: 'Streaming',
  reconnecting: 'Reconnecting',
  waiting: 'Needs approval',
};

/** How much of a reply is read aloud at its end, in characters: who wants more reads it where it stands. */
const MOST_ANNOUNCED = 2_000;

/** The page: a chat, and beside it what happens in its turns. */
class Page {
  readonly #state = byId('state', HTMLElement);
  readonly #announcer = byId('announcer', HTMLElement);
  readonly #title = byId('title', HTMLElement);
  readonly #welcome = byId('welcome', HTMLElement);
  readonly #hint = byId('hint', HTMLElement);
  readonly #target = byId('target', HTMLElement);
  readonly #options = new OptionsDialog(() => this.#begin());
  readonly #composer = new Composer({
    send: (text) => this.#send(text),
    stop: () => void this.#chat?.stop(),
    resume: () => this.#do((chat) => chat.resume()),
    again: () => this.#do((chat) => chat.regenerate()),
  });
  readonly #attachments = new Attachments((why) => this.#composer.fail(why));
  readonly #messages = new Messages(byId('messages', HTMLElement), {
    regenerate: () => this.#do((chat) => chat.regenerate()),
    edit: (key, text) => this.#do((chat) => chat.edit(key, text)),
    approve: (callId) => this.#do((chat) => chat.approve(callId)),
    deny: (callId, why) => this.#do((chat) => chat.deny(callId, why === '' ? undefined : why)),
  });
  readonly #meters = new Meters(byId('meters', HTMLElement), byId('model', HTMLElement));
  readonly #waterfall = new Waterfall(byId('waterfall', HTMLElement));
  readonly #log = new EventLog({
    list: byId('event-list', HTMLElement),
    frame: byId('events', HTMLElement),
    kind: byId('log-kind', HTMLSelectElement),
    text: byId('log-text', HTMLInputElement),
    counter: byId('log-count', HTMLElement),
    copy: byId('log-copy', HTMLButtonElement),
  });
  readonly #turns = new Turns(() => this.#draw());
  readonly #scrolling = new Scrolling();
  readonly #focus = new Focus(isTouched() ? byId('scroll', HTMLElement) : this.#composer.field);
  readonly #draw = perFrame(() => this.#show());
  #chat: Chat | undefined;
  #unsubscribe: (() => void) | undefined;
  #status: ChatStatus = 'ready';
  #key = '';
  /** What the server calls itself. */
  #name = 'Sluice';

  constructor() {
    themeButton(byId('theme', HTMLButtonElement));
    showExamples(byId('examples', HTMLElement), (prompt) => this.#send(prompt));
    byId('clear', HTMLButtonElement).addEventListener('click', () => this.#beginAnew());
    new History({
      client: () => this.#options.client(),
      scope: () => {
        const { pipeline, organization } = this.#options.values;
        return { pipeline: pipeline || undefined, organization: organization || undefined };
      },
      current: () => this.#options.values.conversation,
      choose: (conversation) => {
        this.#options.goTo(conversation);
        this.#begin();
        this.#composer.field.focus();
      },
      deleted: (conversation) => {
        if (conversation === this.#options.values.conversation) this.#beginAnew();
      },
    });
    this.#views();
    this.#begin();
    // What is live goes on between chunks.
    setInterval(() => {
      if (this.#isBusy) this.#draw();
    }, 100);
  }

  get #isBusy(): boolean {
    return this.#status === 'sending' || this.#status === 'streaming' || this.#status === 'reconnecting';
  }

  #beginAnew(): void {
    this.#options.newConversation();
    this.#begin();
    this.#composer.field.focus();
  }

  /** Begins the chat that the options name, if it is not the one that is shown. */
  #begin(): void {
    const { conversation, pipeline, model, organization, token, transport } = this.#options.values;
    const key = [conversation, pipeline, model, organization, token, transport].join('\n');
    setText(this.#target, [pipeline, model].filter((part) => part !== '').join(' · '));
    if (key === this.#key) return;
    const isAnother = this.#key === '' || this.#key.split('\n')[0] !== conversation || conversation === '';
    this.#key = key;
    this.#unsubscribe?.();
    this.#chat?.leave();
    const client = this.#options.client();
    const chat = new Chat({
      client,
      conversation: conversation === '' ? undefined : conversation,
      pipeline: pipeline === '' ? undefined : pipeline,
      model: model === '' ? undefined : model,
      organization: organization === '' ? undefined : organization,
      onChunk: (chunk) => this.#chunk(chunk),
      onConnection: (state) => this.#connection(state),
    });
    this.#chat = chat;
    this.#unsubscribe = chat.subscribe(() => this.#changed(chat.state));
    this.#status = 'ready';
    if (isAnother) {
      this.#turns.clear();
      this.#scrolling.follow();
    }
    this.#changed(chat.state);
    void this.#greet(chat);
    if (!this.#options.isFresh) void chat.load();
  }

  /** Asks the server who it is. */
  async #greet(chat: Chat): Promise<void> {
    try {
      const metadata = await this.#options.client().metadata();
      if (chat !== this.#chat) return;
      setText(byId('name', HTMLElement), metadata.name);
      this.#name = metadata.name;
      this.#draw();
      if (metadata.description !== undefined) setText(byId('about', HTMLElement), metadata.description);
      this.#options.offer(metadata);
      this.#begin();
    } catch (error) {
      if (chat !== this.#chat || !isCodedError(error)) return;
      this.#composer.fail(error.message, error.code);
      if (error.code === 'authentication') this.#options.open('token');
    }
  }

  #send(text: string): void {
    if (this.#isBusy) return;
    this.#options.used();
    const images = this.#attachments.take();
    this.#scrolling.follow();
    this.#do((chat) =>
      chat.send(images.length === 0 ? text : { role: 'user', content: [...images, { type: 'text', text }] }),
    );
  }

  #do(work: (chat: Chat) => Promise<void>): void {
    const chat = this.#chat;
    if (chat === undefined) return;
    work(chat).catch((error: unknown) => {
      if (isCodedError(error)) this.#composer.fail(error.message, error.code);
      else this.#composer.fail(String(error));
    });
  }

  #changed(state: ChatState): void {
    const before = this.#status;
    this.#status = state.status;
    const now = performance.now();
    if (state.status === 'sending' && before !== 'sending') {
      this.#turns.begin(now);
    }
    const wasBusy = before === 'sending' || before === 'streaming' || before === 'reconnecting';
    if (wasBusy && !this.#isBusy) {
      const turn = this.#turns.newest;
      turn?.end(now, state.result);
      if (state.error !== undefined)
        turn?.events.note('error', `${state.error.code}: ${state.error.message}`, now);
      for (const warning of state.result?.warnings ?? []) turn?.events.note('warning', warning, now);
      this.#announce(state);
    }
    if (before !== state.status && state.status === 'sending')
      setText(this.#announcer, 'The reply is on its way.');
    this.#draw();
  }

  #chunk(chunk: ExecutionChunk): void {
    this.#turns.newest?.add(chunk, performance.now());
    this.#draw();
  }

  #connection(state: ConnectionState): void {
    this.#turns.newest?.events.note('connection', state, performance.now());
    if (state === 'lost') setText(this.#announcer, 'The connection was lost. Trying again.');
    this.#draw();
  }

  /** Tells a screen reader how the turn ended, and not each piece of it. */
  #announce({ error, pending, messages }: ChatState): void {
    const [call] = pending;
    const last = messages.at(-1);
    const words = brief(wordsOf(last?.parts ?? []), MOST_ANNOUNCED);
    const isCut = last?.state === 'partial';
    setText(
      this.#announcer,
      error !== undefined
        ? `The reply failed: ${error.message}`
        : call !== undefined
          ? `The tool ${call.name} waits for your approval.`
          : `${isCut ? 'The reply was stopped' : 'The reply is complete'}: ${words}`,
    );
  }

  #show(): void {
    const chat = this.#chat;
    if (chat === undefined) return;
    const { state } = chat;
    const now = performance.now();
    this.#state.dataset['state'] = state.status;
    setText(this.#state.lastElementChild ?? this.#state, WORDS[state.status]);
    this.#welcome.hidden = state.messages.length > 0 || state.status === 'loading';
    this.#hint.hidden = this.#welcome.hidden;
    // The rest of a long text comes in the next frames.
    if (!this.#messages.show(state)) this.#draw();
    this.#composer.show(state);
    const turn = this.#turns.shown;
    this.#meters.show(turn?.counted, now);
    this.#waterfall.show(turn?.timeline, now);
    this.#log.show(turn?.events);
    this.#showTitle(state);
    this.#scrolling.show();
    this.#focus.show();
  }

  /** A conversation is called after its first message. */
  #showTitle({ messages }: ChatState): void {
    const first = messages.find(({ role }) => role === 'user');
    const title = brief(wordsOf(first?.parts ?? []), 80);
    setText(this.#title, title);
    const full = title === '' ? this.#name : `${title} · ${this.#name}`;
    if (document.title !== full) document.title = full;
  }

  /** On narrow screens, chat and inspector take turns. */
  #views(): void {
    const app = byId('app', HTMLElement);
    const chat = byId('show-chat', HTMLButtonElement);
    const inspector = byId('show-inspector', HTMLButtonElement);
    const choose = (view: 'chat' | 'inspector'): void => {
      app.dataset['view'] = view;
      chat.setAttribute('aria-pressed', String(view === 'chat'));
      inspector.setAttribute('aria-pressed', String(view === 'inspector'));
    };
    chat.addEventListener('click', () => choose('chat'));
    inspector.addEventListener('click', () => choose('inspector'));
  }
}

/** Whether the prompt would bring up a keyboard that covers half of the screen. */
function isTouched(): boolean {
  return matchMedia('(pointer: coarse)').matches;
}

new Page();

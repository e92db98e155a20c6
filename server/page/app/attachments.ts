import { byId, el } from './dom.ts';

/** The most that an image may have, in bytes: in base64 it has to fit into a request, which the server takes up to 1 MB of. */
const MOST_BYTES = 700_000;

/** An image that is sent with the next message. */
export interface AttachedImage {
  type: 'image';
  data: string;
  mediaType: string;
}

/** The images that are sent with the next message: chosen, pasted or dropped. */
export class Attachments {
  readonly #frame = byId('attached', HTMLElement);
  readonly #input = byId('attach', HTMLInputElement);
  readonly #failed: (why: string) => void;
  #images: AttachedImage[] = [];

  constructor(failed: (why: string) => void) {
    this.#failed = failed;
    const input = this.#input;
    input.addEventListener('change', () => {
      for (const file of input.files ?? []) void this.#add(file);
      input.value = '';
    });
    const composer = byId('composer', HTMLFormElement);
    composer.addEventListener('paste', ({ clipboardData }) => {
      for (const file of clipboardData?.files ?? []) void this.#add(file);
    });
    composer.addEventListener('dragover', (event) => event.preventDefault());
    composer.addEventListener('drop', (event) => {
      event.preventDefault();
      for (const file of event.dataTransfer?.files ?? []) void this.#add(file);
    });
  }

  /** Takes the images. */
  take(): AttachedImage[] {
    const images = this.#images;
    this.#images = [];
    this.#show();
    return images;
  }

  async #add(file: File): Promise<void> {
    if (!/^image\/(?:png|jpeg|gif|webp)$/.test(file.type) || file.size > MOST_BYTES) {
      this.#failed('Only PNG, JPEG, GIF and WebP images of up to 700 kB can be sent.');
      return;
    }
    const bytes = new Uint8Array(await file.arrayBuffer());
    let binary = '';
    for (const byte of bytes) binary += String.fromCharCode(byte);
    this.#images = [...this.#images, { type: 'image', data: btoa(binary), mediaType: file.type }];
    this.#show();
  }

  #show(): void {
    this.#frame.hidden = this.#images.length === 0;
    this.#frame.replaceChildren(
      ...this.#images.map((image, at) => {
        const remove = el('button', {
          type: 'button',
          class: 'quiet small',
          'aria-label': `Remove image ${at + 1}`,
          text: '×',
        });
        remove.addEventListener('click', () => {
          this.#images = this.#images.filter((one) => one !== image);
          this.#show();
          // The button is gone.
          (this.#frame.querySelector('button') ?? this.#input).focus();
        });
        const src = `data:${image.mediaType};base64,${image.data}`;
        return el('figure', {}, el('img', { src, alt: `Image ${at + 1} to send` }), remove);
      }),
    );
  }
}

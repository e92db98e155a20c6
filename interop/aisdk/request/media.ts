import type { AudioPart, FilePart, ImagePart, Part } from '../../../src/index.ts';
import { packageOf } from '../model.ts';
import type { SupportedUrls } from '../model.ts';
import type { Json, PromptContext } from './context.ts';

const DATA_URL = /^data:([^,;]*)(?:;[^,]*)?;base64,/i;

/** An image, a sound or a document as a file part of a prompt. Undefined, with a report, if the model cannot take it. */
export function filePart(context: PromptContext, part: ImagePart | AudioPart | FilePart): Json | undefined {
  const { model, unsupported } = context;
  const isV3 = model.specificationVersion === 'v3';
  const fileId = part.type === 'file' ? part.fileId : undefined;
  const filename = part.type === 'file' && part.filename !== undefined ? { filename: part.filename } : {};
  if (fileId) {
    if (isV3) {
      unsupported('a file with an id cannot be sent to a model of specification v3, it is left out');
      return undefined;
    }
    const reference = { [packageOf(model)]: fileId };
    return {
      type: 'file',
      mediaType: mediaTypeOf(part, isV3),
      ...filename,
      data: { type: 'reference', reference },
    };
  }
  const url = 'url' in part ? part.url : undefined;
  const inUrl = url === undefined ? null : DATA_URL.exec(url);
  const data = inUrl === null ? part.data : url?.slice(inUrl[0].length);
  const mediaType = part.mediaType ?? (inUrl?.[1] || undefined) ?? mediaTypeOf(part, isV3);
  if (data) return { type: 'file', mediaType, ...filename, data: isV3 ? data : { type: 'data', data } };
  if (url === undefined || !URL.canParse(url)) {
    unsupported(`a part of type ${part.type} has no content, it is left out`);
    return undefined;
  }
  if (!reads(context.supportedUrls, mediaType, url)) {
    unsupported(
      `the model does not read the address of a part of type ${part.type}, it is left out: give its data`,
    );
    return undefined;
  }
  const address = new URL(url);
  return { type: 'file', mediaType, ...filename, data: isV3 ? address : { type: 'url', url: address } };
}

/** V4 takes the first half of a media type, V3 wants a star for the other. */
function mediaTypeOf(part: ImagePart | AudioPart | FilePart, isV3: boolean): string {
  if (part.mediaType !== undefined) return part.mediaType;
  return part.type === 'image' ? (isV3 ? 'image/*' : 'image') : 'application/pdf';
}

/** Whether the service reads an address by itself. Source: the rules of `supportedUrls` in `@ai-sdk/provider`. */
function reads(supported: SupportedUrls, mediaType: string, url: string): boolean {
  const address = url.toLowerCase();
  const [kind] = mediaType.split('/', 1);
  return Object.entries(supported).some(
    ([type, patterns]) =>
      (type === '*' || type === '*/*' || type === mediaType || type === `${kind}/*`) &&
      patterns.some((pattern) => pattern.test(address)),
  );
}

/** Whether a part is a file of any kind. */
export function isMedia(part: Part): part is ImagePart | AudioPart | FilePart {
  return part.type === 'image' || part.type === 'audio' || part.type === 'file';
}

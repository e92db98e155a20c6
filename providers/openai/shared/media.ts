import type { AudioPart, FilePart, ImagePart } from '../../../src/index.ts';

/** The data of a part as a data URL, or the address of the part. */
export function addressOf(part: ImagePart | FilePart, fallbackType: string): string | undefined {
  if (part.url) return part.url;
  return part.data ? `data:${part.mediaType ?? fallbackType};base64,${part.data}` : undefined;
}

/** OpenAI's name of an audio format. It takes only wav and mp3. */
export function audioFormat(mediaType: string): 'wav' | 'mp3' | undefined {
  const type = mediaType.toLowerCase().split(';')[0]?.trim() ?? '';
  if (/^audio\/(?:x-|vnd\.)?wave?$/.test(type)) return 'wav';
  return /^audio\/(?:mpeg|mp3|x-mp3|mpeg3)$/.test(type) ? 'mp3' : undefined;
}

const BASE64_URL = /^data:([^,;]*)(?:;[^,]*)?;base64,/i;

/** A file as an image or audio part if its media type says so, else the file itself. */
export function mediaPart(file: FilePart): ImagePart | AudioPart | FilePart {
  const found = file.url === undefined ? null : BASE64_URL.exec(file.url);
  const mediaType = file.mediaType ?? found?.[1];
  const { url, data } = file;
  if (mediaType?.startsWith('image/') === true && (url || data)) {
    return {
      type: 'image',
      mediaType,
      ...(url !== undefined && { url }),
      ...(data !== undefined && { data }),
    };
  }
  const sound = data ?? (found === null ? undefined : url?.slice(found[0].length));
  return mediaType?.startsWith('audio/') === true && sound ? { type: 'audio', mediaType, data: sound } : file;
}

/** What is said of parts that an API does not take in the result of a tool. They follow as a message of the user. */
export const LATER = {
  title: (tool: string, callId: string): string => `Result of the tool ${tool} (call ${callId}):`,
  /** In place of a result that has no other part. */
  instead: 'The result is in the next message of the user.',
  warning: (type: string): string =>
    `a part of type ${type} cannot be sent in the result of a tool, it follows as a message of the user`,
};

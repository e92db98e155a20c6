import { Stream, end, noUsage } from 'sluice';
import type { ModelRequest, Provider, ProviderCall, Reply, SluiceError, StreamChunk, Usage } from 'sluice';

/** What a made model does at one call: chunks, one batch each, then the error or the end. */
export interface Answer {
  chunks?: readonly StreamChunk[];
  error?: SluiceError;
  reply?: Partial<Reply>;
  /** Waits before each batch, and once more before the end. */
  wait?: (signal: AbortSignal) => Promise<void>;
  /** Called when the call begins. */
  asked?: (call: ProviderCall) => void;
  /** Called when the stream is closed before its end. */
  closed?: (error: SluiceError) => void;
}

/** A model made by hand, with a record of what it was asked. */
export interface MadeModel extends Provider {
  readonly requests: ModelRequest[];
  readonly calls: ProviderCall[];
}

/** Answers the calls in order; the last answer is given again when there are more calls. */
export function model(...answers: Answer[]): MadeModel {
  const requests: ModelRequest[] = [];
  const calls: ProviderCall[] = [];
  return {
    name: 'made',
    model: 'made-1',
    requests,
    calls,
    stream(request, call) {
      const answer = answers[Math.min(requests.length, answers.length - 1)] ?? {};
      requests.push(request);
      calls.push(call);
      answer.asked?.(call);
      return answered(answer, call);
    },
  };
}

/** A piece of text. */
export function text(content: string): StreamChunk {
  return { type: 'content', content };
}

/** Pieces of text, one chunk each. */
export function texts(...pieces: string[]): StreamChunk[] {
  return pieces.map(text);
}

/** Tokens of one call. */
export function usage(inputTokens: number, outputTokens: number): Usage {
  return { ...noUsage(), inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
}

function answered(answer: Answer, call: ProviderCall): Stream<StreamChunk, Reply> {
  const rest = [...(answer.chunks ?? [])].map((chunk) => ({ ...chunk }));
  const reply: Reply = { finishReason: 'stop', ...answer.reply };
  return Stream.fromSource<StreamChunk, Reply>({
    async pull() {
      await answer.wait?.(call.signal);
      const chunk = rest.shift();
      if (chunk !== undefined) return [chunk];
      if (answer.error !== undefined) throw answer.error;
      return end(reply);
    },
    close: (error) => answer.closed?.(error),
  });
}

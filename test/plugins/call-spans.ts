import type { Middleware } from 'sluice';

/** A span for a tracing backend. */
export interface CallSpan {
  execution: string;
  model: string | undefined;
  outcome: string;
  errorCode: string | undefined;
  outputTokens: number;
  durationMs: number;
}

/** Exports one span for each model call, also for those that fail. */
export const callSpans = (exported: (span: CallSpan) => void): Middleware =>
  function callSpans(context, next) {
    return next().tap({
      call(call) {
        const startedAt = Date.now();
        return {
          end({ outcome, error, usage }) {
            exported({
              execution: context.id,
              model: call.model,
              outcome,
              errorCode: error?.code,
              outputTokens: usage.outputTokens,
              durationMs: Date.now() - startedAt,
            });
          },
        };
      },
    });
  };

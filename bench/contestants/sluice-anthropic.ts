import { provider } from 'sluice/middleware';
import { anthropic } from 'sluice/providers/anthropic';
import { API_KEY, CLAUDE } from './reader.ts';
import type { Open } from './reader.ts';
import { readerOf } from './the-five.ts';

export const open: Open = ({ baseURL, calls }) =>
  readerOf(provider(anthropic({ baseURL, apiKey: API_KEY, model: CLAUDE })), { calls });

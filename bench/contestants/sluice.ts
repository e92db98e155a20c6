import { provider } from 'sluice/middleware';
import { openai } from 'sluice/providers/openai';
import { API_KEY, MODEL } from './reader.ts';
import type { Open } from './reader.ts';
import { readerOf } from './the-five.ts';

export const open: Open = ({ baseURL, calls }) =>
  readerOf(provider(openai({ baseURL, apiKey: API_KEY, model: MODEL })), { calls });

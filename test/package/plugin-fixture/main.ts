import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import { noted } from './plugin.js';

const lines: string[] = [];
const pipeline = new Pipeline([noted(lines), provider(scripted([{ text: ['Hello', ', world'] }]))]);
const { response } = await pipeline.execute('user', 'hi');
await pipeline.shutdown();
console.log(JSON.stringify({ content: response.content, lines }));

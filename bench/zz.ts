import { stackCosts } from './in-memory/layers.ts';
const n = Number(process.argv[2] ?? 4);
for (let i = 0; i < n; i++) { const r = await stackCosts('none', 'full'); console.log(r[1].toFixed(0), r[16].toFixed(0)); }

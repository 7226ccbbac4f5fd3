import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.ts';

/** `npm run test:attacks`: a million mutated inputs, and what the costliest of them took. Ends with 1 when anything was found. */
const { values } = parseArgs({
  options: { inputs: { type: 'string', default: '1000000' }, seed: { type: 'string' } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const began = performance.now();
const { rows, findings } = await runCampaign(seed, Number(values.inputs));

console.log(`seed ${seed}`);
console.log('| bytes of strangers | inputs | costliest, ms of CPU |\n|---|---:|---:|');
for (const { target, inputs, worstMs } of rows) {
  console.log(`| ${target} | ${inputs.toLocaleString('en')} | ${worstMs.toFixed(1)} |`);
}
const total = rows.reduce((sum, { inputs }) => sum + inputs, 0).toLocaleString('en');
console.log(`${total} inputs in ${Math.round((performance.now() - began) / 1_000)} s`);
for (const { target, what, input, detail, bytes } of findings.slice(0, 20)) {
  console.log(
    `\n${what.toUpperCase()} ${target}, input ${input} of seed ${seed}: ${detail}\n${bytes.slice(0, 2_000)}`,
  );
}
process.exitCode = findings.length > 0 ? 1 : 0;

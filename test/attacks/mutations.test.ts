import { expect, test } from 'vitest';
import { runCampaign } from './campaign.ts';

/**
 * 3 has found a client's command that stopped every node, 4 an answer that crashed whoever had asked; the last one is new
 * with every day.
 */
const SEEDS = [3, 4, Math.floor(Date.now() / 86_400_000)];

test.each(SEEDS)('10,000 inputs of strangers crash nothing, seed %i', async (seed) => {
  const { findings, rows } = await runCampaign(seed, 10_000);
  // How long they take is measured by `npm run test:attacks`: here others share the processor.
  expect(findings.filter(({ what }) => what !== 'stall')).toEqual([]);
  expect(rows.reduce((sum, { inputs }) => sum + inputs, 0)).toBeGreaterThanOrEqual(10_000);
});

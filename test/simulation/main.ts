import { parseArgs } from 'node:util';
import { type SimulationReport, simulate } from './simulation.ts';
import { Tally } from './tally.ts';

const USAGE = `usage: npm run test:sim -- [--quorum] [--seeds N] [--start S] | --seed X [--trace]

  --seeds N   how many seeds to live through (default 1000)
  --start S   the first of them (default: drawn from the time of day)
  --seed X    one seed only
  --trace     print its whole story
  --quorum    in a world in which the quorum manager decides who votes, and machines die for good`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (options === undefined) {
    console.error(USAGE);
    return 2;
  }
  const { quorum, start, seeds, trace } = options;
  const seen = new Tally();
  const began = performance.now();
  let events = 0;
  let lived = 0;
  let failures = 0;
  for (let seed = start; seed < start + seeds; seed++) {
    const report = await simulate({
      ...{ seed, steered: quorum },
      ...(trace ? { print: (line) => console.log(line) } : {}),
    });
    seen.add(report);
    events += report.events;
    lived += 1;
    if (report.failure === undefined) continue;
    failures += 1;
    // A trace has told the end of the story already.
    if (!trace) console.log(report.failure.tail.join('\n'));
    printFailure(report);
    break;
  }
  const seconds = (performance.now() - began) / 1000;
  const perSecond = (count: number): string => (count / seconds).toFixed(0);
  console.log(
    `seeds ${start} to ${start + lived - 1}: ${failures === 0 ? 'all promises kept' : 'a promise broken'}; ` +
      `${seconds.toFixed(1)} s, ${perSecond(lived)} seeds/s, ${perSecond(events)} events/s`,
  );
  if (quorum) console.log(seen.words);
  return failures === 0 ? 0 : 1;
}

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seeds: { type: 'string', default: '1000' },
        start: { type: 'string', default: `${Date.now() % 1_000_000_000}` },
        seed: { type: 'string' },
        trace: { type: 'boolean', default: false },
        quorum: { type: 'boolean', default: false },
      },
    });
    const start = Number(values.seed ?? values.start);
    const seeds = values.seed === undefined ? Number(values.seeds) : 1;
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(seeds) || seeds < 1) return undefined;
    return { start, seeds, trace: values.trace, quorum: values.quorum };
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return undefined;
  }
}

function printFailure({ seed, failure, traceHash }: SimulationReport): void {
  if (failure === undefined) return;
  console.log(`\nseed ${seed} (trace ${traceHash}) broke a promise\n${failure.message}`);
  console.log(`again: npm run test:sim -- --seed ${seed} --trace`);
}

import { Chance } from '../simulation/chance.ts';
import { createDocumentTargets } from './document-targets.ts';
import { createHttpTarget } from './http-target.ts';
import { mutate } from './mutation.ts';
import { createSecurityTargets } from './security-targets.ts';
import { createTargets, type Target } from './targets.ts';

/** Whoever leads must be heard several times in an election time-out: so long no single input may take. */
const MAX_STALL_MS = 50;
/** A garbage collection or a compilation hits any input; what an input costs, it costs each time. */
const AGAIN = 3;

interface Finding {
  readonly target: string;
  readonly what: 'crash' | 'stall' | 'polluted';
  /** The number of the input in its target's stream. */
  readonly input: number;
  readonly detail: string;
  readonly bytes: string;
}

interface Row {
  readonly target: string;
  readonly inputs: number;
  /** CPU time of this process; of the costliest input the least of several runs. */
  readonly worstMs: number;
}

interface Campaign {
  readonly rows: readonly Row[];
  readonly findings: readonly Finding[];
}

/** Feeds `count` mutated inputs to all that reads bytes of strangers. The same seed gives the same inputs. */
export async function runCampaign(seed: number, count: number): Promise<Campaign> {
  const findings: Finding[] = [];
  const chance = new Chance(seed);
  const rows: Row[] = [];
  const targets = [
    ...createTargets(),
    ...createDocumentTargets(),
    ...(await createSecurityTargets()),
    createHttpTarget(),
  ];
  for (const target of targets) {
    const inputs = Math.ceil((count * target.share) / 100);
    const worstMs = await attack(target, inputs, { chance, findings });
    rows.push({ target: target.name, inputs, worstMs });
  }
  return { rows, findings };
}

interface Run {
  readonly chance: Chance;
  readonly findings: Finding[];
}

async function attack(target: Target, inputs: number, { chance, findings }: Run): Promise<number> {
  const stream = chance.stream(target.name);
  let worstMs = 0;
  for (let input = 0; input < inputs; input++) {
    const bytes = mutate(stream.pick(target.seeds), target.seeds, stream);
    const report = (what: Finding['what'], detail: string): void =>
      void findings.push({ target: target.name, what, input, detail, bytes: bytes.toString('base64') });
    try {
      const first = await costOf(target, bytes);
      const isWorthAnother = first > Math.min(worstMs, MAX_STALL_MS);
      const cost = isWorthAnother ? await leastOf(target, bytes, first) : first;
      worstMs = Math.max(worstMs, cost);
      if (cost > MAX_STALL_MS) report('stall', `${cost} ms`);
    } catch (error) {
      report('crash', error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    if ('polluted' in {}) {
      report('polluted', 'Object.prototype has a property more');
      Reflect.deleteProperty(Object.prototype, 'polluted');
    }
  }
  return worstMs;
}

async function leastOf(target: Target, bytes: Buffer, first: number): Promise<number> {
  let least = first;
  for (let again = 0; again < AGAIN; again++) least = Math.min(least, await costOf(target, bytes));
  return least;
}

/** CPU time, so that a machine that is busy with others changes nothing. */
async function costOf(target: Target, bytes: Buffer): Promise<number> {
  const input = Buffer.from(bytes);
  const before = process.cpuUsage();
  const work = target.feed(input);
  if (work !== undefined) await work;
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

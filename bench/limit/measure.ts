import { startBenchChild } from '../children.ts';
import { LEVELS, type LoadRow, WARM_UP } from '../load.ts';

export interface LimitOptions {
  readonly durationMs: number;
  /** Where the three logs lie: the same disk as what it is compared with. */
  readonly folder: string;
}

/** Measures the barest pipeline at each level of load, in processes of its own. */
export async function measureLimit({ durationMs, folder }: LimitOptions): Promise<readonly LoadRow[]> {
  const file = new URL('./process.ts', import.meta.url);
  const start = <T>(...args: string[]) => startBenchChild<T>(file, args);
  const followers = [start<string>('follower', folder), start<string>('follower', folder)];
  const urls = await Promise.all(followers.map((follower) => follower.next()));
  const leader = start<string>('leader', folder, ...urls);
  const client = start<unknown>('client', folder, await leader.next());
  await client.next();
  client.send(WARM_UP);
  await client.next();
  const rows: LoadRow[] = [];
  for (const inFlight of LEVELS) {
    client.send({ inFlight, durationMs });
    rows.push((await client.next()) as LoadRow);
  }
  await Promise.all([client, leader, ...followers].map((child) => child.kill('SIGKILL')));
  return rows;
}

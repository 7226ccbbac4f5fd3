import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadAgentFile } from '../../src/agents/load.ts';
import { PACKAGE_AGENTS } from '../../src/agents/registry.ts';
import { nodeId } from '../../src/protocol/ids.ts';
import { AddressBook, knownAddresses } from '../../src/swarm/address-book.ts';
import { publishEndpoint } from '../../src/swarm/endpoint.ts';
import { planSwarm } from '../../src/swarm/founding.ts';
import { adoptIdentity } from '../../src/swarm/identity.ts';
import { createSwarm } from '../../src/swarm/roster.ts';
import { TaskMachine } from '../../src/tasks/machine.ts';

const [one, two] = ['raft-manager-1', 'raft-manager-2'].map(nodeId) as [never, never];

async function openBook() {
  const root = mkdtempSync(join(tmpdir(), 'raft-manager-addresses-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const definitions = [await loadAgentFile(resolve(PACKAGE_AGENTS, 'raft-manager.md'))];
  const plan = { name: 'test', instances: 3, port: 0, workspace: root, requireHooks: false, leaseMs: 60_000 };
  const roster = planSwarm({ ...plan, definitions, work: { executor: 'command' } });
  const folder = createSwarm(join(root, 'swarm'), roster);
  const publish = (url: string): void =>
    publishEndpoint(folder, two, { url, pid: 1, host: 'localhost', life: 'a', startedAt: 0 });
  return { folder, publish, book: new AddressBook({ folder, name: one, machine: new TaskMachine() }) };
}

test('who publishes its address in the folder is found there, under the name that it has in the log', async () => {
  const { book, folder, publish } = await openBook();
  expect(book.find(two)).toBeUndefined();
  book.learn([{ id: two, url: 'ws://127.0.0.1:1' }]);
  expect(book.find(two)).toBe('ws://127.0.0.1:1');
  publish('ws://127.0.0.1:2');
  expect(book.find(two)).toBe('ws://127.0.0.1:2');
  const again = nodeId(`${two}.1`);
  adoptIdentity(folder, two, { memberId: again, former: two });
  expect(book.find(again)).toBe('ws://127.0.0.1:2');
  expect(book.find(nodeId(`${two}.2`))).toBeUndefined();
  expect(book.find(two)).toBe('ws://127.0.0.1:1');
  book.close();
});

test('what was learned together is written once, at the latest when it ends', async () => {
  const { book, folder } = await openBook();
  for (const id of [one, two]) book.learn([{ id, url: `ws://${id}` }]);
  expect(existsSync(folder.addresses(one))).toBe(false);
  book.close();
  expect(knownAddresses(folder, one)).toEqual([`ws://${one}`, `ws://${two}`]);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import type { NodeId } from '../../src/protocol/ids.ts';
import { type Configuration, configuration } from '../../src/protocol/state.ts';
import { BlobExchange, type BlobPeer } from '../../src/swarm/blob-exchange.ts';
import { BlobStore, nameOf } from '../../src/swarm/blob-store.ts';

const CONTENT = new TextEncoder().encode('turn three');
const ids = (text: string): NodeId[] => text.split(' ').filter((id) => id !== '') as NodeId[];

function ownStore(): BlobStore {
  const folder = mkdtempSync(join(tmpdir(), 'raft-manager-blobs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return new BlobStore(folder);
}

/** Members a, b, c… with their stores; those in `away` cannot be reached. */
function swarmOf(config: Configuration, away = '') {
  const writes: Promise<unknown>[] = [];
  const stores = new Map(ids('a b c d e').map((id) => [String(id), ownStore()]));
  const connect = (member: string): BlobPeer | undefined => {
    const store = stores.get(member);
    if (store === undefined) return undefined;
    const reach = (): BlobStore => {
      if (ids(away).some((id) => id === member)) throw new SwarmError('NOT_RUNNING', `${member} is away`);
      return store;
    };
    return {
      async storeBlob(content) {
        const written = reach().put(content);
        writes.push(written);
        return written;
      },
      async readBlob(sha256) {
        const content = await reach().get(sha256);
        if (content === undefined) throw new SwarmError('UNKNOWN_BLOB', 'not here');
        return content;
      },
      close: async () => undefined,
    };
  };
  const exchangeOf = (id: string): BlobExchange =>
    new BlobExchange({ id, store: stores.get(id) ?? ownStore(), connect, configuration: () => config });
  /** A majority is enough for whoever waits; the others may still be writing. */
  const settled = (): Promise<unknown> => Promise.all(writes);
  return { stores, exchangeOf, settled };
}

const JOINT = { ...configuration(ids('a b c')), votersOutgoing: ids('a d e') };

describe('a content is safe', () => {
  test.each([
    { why: 'with the only voter', config: configuration(ids('a')), away: '' },
    { why: 'with all of three', config: configuration(ids('a b c')), away: '' },
    { why: 'with two of three', config: configuration(ids('a b c')), away: 'c' },
    { why: 'with majorities of both halves', config: JOINT, away: 'c e' },
    { why: 'from a learner, which does not count', config: configuration(ids('b c d'), ids('a')), away: 'd' },
  ])('$why', async ({ config, away }) => {
    const { stores, exchangeOf, settled } = swarmOf(config, away);
    const name = await exchangeOf('a').put(CONTENT);
    expect(name).toEqual(nameOf(CONTENT));
    const holders = await Promise.all(
      [...stores].map(async ([id, store]) => ((await store.get(name.sha256)) ? id : '')),
    );
    for (const group of [config.voters, config.votersOutgoing]) {
      const missing = group.filter((voter) => !holders.includes(voter)).length;
      expect(missing).toBeLessThanOrEqual(Math.floor(Math.max(0, group.length - 1) / 2));
    }
    await settled();
  });

  test.each([
    { why: 'one of three', config: configuration(ids('a b c')), away: 'b c' },
    { why: 'one half of a joint configuration', config: JOINT, away: 'd e' },
    { why: 'a learner and one of three', config: configuration(ids('b c d'), ids('a')), away: 'c d' },
  ])('but not with $why', async ({ config, away }) => {
    const { exchangeOf } = swarmOf(config, away);
    await expect(exchangeOf('a').put(CONTENT)).rejects.toMatchObject({ code: 'NO_QUORUM' });
  });
});

describe('a content that open tasks need', () => {
  const config = configuration(ids('a b c'), ids('d'));
  const { sha256 } = nameOf(CONTENT);

  test.each([
    { why: 'a voter that was away', id: 'c', config, isThere: true },
    { why: 'a voter to be', id: 'd', config: JOINT, isThere: true },
    { why: 'a voter that goes', id: 'e', config: JOINT, isThere: true },
    { why: 'but not a learner', id: 'd', config, isThere: false },
  ])('is fetched by $why', async ({ id, config: members, isThere }) => {
    const { stores, exchangeOf } = swarmOf(members);
    await stores.get('a')?.put(CONTENT);
    await exchangeOf(id).fetchMissing(new Set([sha256]));
    expect(stores.get(id)?.has(sha256)).toBe(isThere);
  });

  test('and is nowhere is no fault: whoever has it may come back', async () => {
    const { stores, exchangeOf } = swarmOf(config, 'a');
    await stores.get('a')?.put(CONTENT);
    await stores.get('c')?.put(new Uint8Array([1]));
    const missing = [sha256, nameOf(new Uint8Array([1])).sha256];
    await exchangeOf('b').fetchMissing(missing);
    expect(missing.map((one) => stores.get('b')?.has(one))).toEqual([false, true]);
  });
});

describe('a content is found', () => {
  const config = configuration(ids('a b c'), ids('d'));

  test('with whoever has it, and is here then', async () => {
    const { stores, exchangeOf } = swarmOf(config, 'a');
    const name = await stores.get('c')?.put(CONTENT);
    expect(await exchangeOf('d').get(nameOf(CONTENT))).toEqual(CONTENT);
    expect(await stores.get('d')?.get(name?.sha256 ?? '')).toEqual(CONTENT);
  });

  test('not with those who say so of another one', async () => {
    const { stores } = swarmOf(config);
    const liar: BlobPeer = {
      storeBlob: async () => nameOf(CONTENT),
      readBlob: async () => new Uint8Array([1, 2, 3]),
      close: async () => undefined,
    };
    const store = stores.get('a') ?? ownStore();
    const exchange = new BlobExchange({ id: 'a', store, connect: () => liar, configuration: () => config });
    await expect(exchange.get(nameOf(CONTENT))).rejects.toMatchObject({ code: 'UNKNOWN_BLOB' });
  });

  test('nowhere', async () => {
    const { exchangeOf } = swarmOf(config);
    await expect(exchangeOf('a').get(nameOf(CONTENT))).rejects.toMatchObject({ code: 'UNKNOWN_BLOB' });
  });
});

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Millis, NodeId } from '../protocol/ids.ts';
import type { TaskEvent } from '../tasks/event.ts';
import type { TaskMachine } from '../tasks/machine.ts';
import { isMissing, writeWhole } from './files.ts';
import type { SwarmFolder } from './layout.ts';
import { soundJson } from './sound-json.ts';
import { whereaboutsOf } from './whereabouts.ts';

interface AddressBookOptions {
  readonly folder: SwarmFolder;
  readonly name: NodeId;
  readonly machine: TaskMachine;
}

const schema = z.record(z.string(), z.string());

/** Members come by the dozen: what is learned of them within this time is written together. */
const SAVE_AFTER_MS: Millis = 200;

/**
 * Where the other nodes are to be found: those of this machine by what they publish in the folder, all
 * others by what the log says, and before this node has read its log again, by what it said last time.
 */
export class AddressBook {
  readonly #options: AddressBookOptions;
  readonly #known: Map<string, string>;
  #saving: NodeJS.Timeout | undefined;

  constructor(options: AddressBookOptions) {
    this.#options = options;
    this.#known = new Map(Object.entries(readCache(options)));
  }

  /** Takes in what other members said before this node had a log. */
  learn(members: readonly { readonly id: string; readonly url: string | null }[]): void {
    for (const { id, url } of members) if (url !== null) this.#know(id, url);
  }

  onApplied(events: readonly TaskEvent[]): void {
    if (events.some(({ type }) => type === 'member')) this.onRestored();
  }

  /** Everything may have changed. */
  onRestored(): void {
    for (const { id, url } of this.#options.machine.members.values()) {
      if (url !== undefined) this.#know(id, url);
    }
  }

  find(peer: NodeId): string | undefined {
    const { folder, machine } = this.#options;
    return whereaboutsOf(folder, peer)?.url ?? machine.members.get(peer)?.url ?? this.#known.get(peer);
  }

  /** What was learned last is written. */
  close(): void {
    if (this.#saving !== undefined) this.#save();
  }

  #know(id: string, url: string): void {
    if (this.#known.get(id) === url) return;
    this.#known.set(id, url);
    this.#saving ??= setTimeout(() => this.#save(), SAVE_AFTER_MS);
  }

  #save(): void {
    clearTimeout(this.#saving);
    this.#saving = undefined;
    const { folder, name } = this.#options;
    try {
      writeWhole(folder.addresses(name), `${JSON.stringify(Object.fromEntries(this.#known))}\n`, 0o600);
    } catch (error) {
      // What is wrong with the disk, the log will say; the log says all of this again, too.
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }
}

/** Addresses of other members that an instance knew last; some may be out of date. */
export function knownAddresses(folder: SwarmFolder, name: NodeId): readonly string[] {
  return Object.values(readCache({ folder, name }));
}

/** A cache that cannot be read is none: the log says it all again. */
function readCache({
  folder,
  name,
}: Pick<AddressBookOptions, 'folder' | 'name'>): Readonly<Record<string, string>> {
  try {
    return soundJson(readFileSync(folder.addresses(name), 'utf8'), schema) ?? {};
  } catch (error) {
    if (isMissing(error)) return {};
    throw error;
  }
}

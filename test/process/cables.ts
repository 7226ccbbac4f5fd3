import { onTestFinished } from 'vitest';
import * as example from '../../examples/five-machines/cables.ts';

export type Cut = example.Cut;
export type Cables<Name extends string> = example.Cables<Name>;

/** The network with which an example is told, for the current test. */
export async function layCables<Name extends string>(names: readonly Name[]): Promise<Cables<Name>> {
  const cables = await example.layCables(names);
  onTestFinished(() => cables.close());
  return cables;
}

import { type Configuration, isJoint } from '../../protocol/state.ts';
import type { Census, NodeJson } from '../../swarm/census.ts';
import type { Overview } from '../../swarm/port.ts';
import { taskWords } from './status-view.ts';

/** One look at a swarm. */
export interface Look {
  readonly census: Census;
  readonly overview: Pick<Overview, 'paused' | 'counts' | 'usage' | 'budget'> | undefined;
}

/** What is worth a line when it changes between two looks, by what it speaks of: how far nodes are, for one, is not. */
type Facts = ReadonlyMap<string, string>;

/** One line for each thing that is not as it was; before the first look nothing was. */
export function changedLines(before: Look | undefined, now: Look): readonly string[] {
  const former = before === undefined ? new Map<string, string>() : factsOf(before);
  const facts = factsOf(now);
  const gone = [...former.keys()].filter((subject) => !facts.has(subject));
  return [
    ...[...facts].flatMap(([subject, said]) => (former.get(subject) === said ? [] : [`${subject} ${said}`])),
    ...gone.map((subject) => `${subject} gone`),
  ];
}

function factsOf({ census, overview }: Look): Facts {
  const { coordinator, configuration, nodes, quorum, term } = census;
  return new Map([
    ['coordinator', `${coordinator ?? 'none'} in term ${term}, ${quorum ? 'quorum' : 'NO QUORUM'}`],
    ['voters', votersWords(configuration)],
    ['paused', overview?.paused ?? 'no'],
    ['budget', overview?.budget.exhausted ?? 'open'],
    ['tasks', taskWords(overview)],
    ...nodes.map((node) => [node.id, nodeWords(node)] as const),
  ]);
}

function votersWords(configuration: Configuration): string {
  const { voters, votersOutgoing } = configuration;
  const from = isJoint(configuration) ? `, from ${votersOutgoing.join(' ')}` : '';
  return `${voters.join(' ')}${from}`;
}

function nodeWords({ role, member, progress, quarantined }: NodeJson): string {
  if (quarantined !== null) return `${role}, in quarantine: ${quarantined}`;
  if (!member) return `${role}, no member`;
  return progress === null || progress.mode === 'replicate' ? role : `${role}, ${progress.mode}`;
}

import { nodeId } from '../../src/protocol/ids.ts';
import type { Message } from '../../src/protocol/message.ts';
import type { MembershipChange } from '../../src/raft/membership.ts';
import { describeDisk, describeMessage, describeNode, describeProgress } from './looks.ts';
import type { Narrator } from './narrator.ts';
import { describeMembers, labelOf } from './sentences.ts';
import type { Stage } from './stage.ts';
import { StoryError } from './story.ts';
import type { Which } from './wire.ts';
import type { Words } from './words.ts';

interface Scene {
  readonly stage: Stage;
  readonly narrator: Narrator;
}

export interface Command {
  /** How it is written, and what it does. */
  readonly usage: string;
  play(scene: Scene, words: Words): void;
}

/** What a story can do once its cast is known. Unless the network is held, all that is said arrives at once. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  campaign: {
    usage: 'campaign NODE: it runs out of patience, and nobody else notices the time',
    play: ({ stage }, words) => stage.campaign(nodeIn(stage, words)),
  },
  elect: {
    usage: 'elect NODE: it campaigns until it leads; on a held network only ballots travel',
    play: elect,
  },
  elapse: {
    usage: 'elapse TIME: time passes, and whoever is due acts',
    play: ({ stage }, words) => stage.elapse(words.takeDuration()),
  },
  propose: {
    usage: 'propose NODE "TEXT"… or propose NODE SIZE: commands in one batch; SIZE such as 200KB',
    play: propose,
  },
  read: {
    usage: 'read NODE NUMBER [lease]: a linearizable read; numbers are used once',
    play({ stage }, words) {
      const name = nodeIn(stage, words);
      const context = words.takeNumber('the number of the read');
      stage.step(name, { type: 'read', context, trust: words.takeIf('lease') ? 'lease' : 'quorum' });
    },
  },
  transfer: {
    usage: 'transfer NODE [to NODE]: leadership is to be handed over',
    play({ stage }, words) {
      const name = nodeIn(stage, words);
      const target = words.takeIf('to') ? nodeId(nodeIn(stage, words)) : undefined;
      stage.step(name, { type: 'transfer', target });
    },
  },
  change: {
    usage: 'change NODE add-voter|add-learner|remove NODE…: membership',
    play: change,
  },
  snapshot: {
    usage: 'snapshot NODE: it saves its state and drops from its log what that covers',
    play: ({ stage }, words) => stage.snapshot(nodeIn(stage, words)),
  },
  partition: {
    usage:
      'partition NODE… | NODE…: nodes of two groups lose what they say to each other, and nobody else does',
    play({ stage }, words) {
      const groups: string[][] = [];
      while (!words.isEmpty) groups.push(words.takeUntil('|').map((name) => known(stage, name)));
      stage.wire.partition(groups);
    },
  },
  isolate: {
    usage: 'isolate NODE: it alone is cut off from everybody',
    play({ stage }, words) {
      const name = nodeIn(stage, words);
      stage.wire.partition([[name], stage.names.filter((other) => other !== name)]);
    },
  },
  mute: {
    usage: 'mute NODE to NODE: what the first says to the second is lost',
    play({ stage }, words) {
      const from = nodeIn(stage, words);
      words.takeOf(['to']);
      stage.wire.mute(from, nodeIn(stage, words));
    },
  },
  heal: {
    usage: 'heal: nothing is lost any more',
    play: ({ stage }) => stage.wire.heal(),
  },
  link: {
    usage: 'link NODE NODE or link all: a connection opens, and both ends notice',
    play: link,
  },
  unlink: {
    usage: 'unlink NODE NODE: a connection closes, and both ends notice',
    play: ({ stage }, words) => stage.unlink(nodeIn(stage, words), nodeIn(stage, words)),
  },
  hold: {
    usage: 'hold network | hold disk NODE: messages wait to be delivered, writes to be synced',
    play({ stage }, words) {
      if (words.takeOf(['network', 'disk']) === 'network') stage.isNetworkHeld = true;
      else stage.holdDisk(nodeIn(stage, words));
    },
  },
  release: {
    usage: 'release network | release disk NODE: the end of hold',
    play({ stage }, words) {
      if (words.takeOf(['network', 'disk']) === 'network') stage.isNetworkHeld = false;
      else stage.releaseDisk(nodeIn(stage, words));
    },
  },
  sync: {
    usage: 'sync NODE: a held disk completes what it was given',
    play: ({ stage }, words) => stage.sync(nodeIn(stage, words)),
  },
  deliver: {
    usage:
      'deliver [all|late] [COUNT] [from NODE] [to NODE] [TYPE…]: what lies on the wire; all: what comes of it too',
    play: deliver,
  },
  drop: {
    usage: 'drop [COUNT] [from NODE] [to NODE] [TYPE…]: lost on the way',
    play({ stage }, words) {
      expectSome(stage.wire.take(whichIn(stage, words)).length);
    },
  },
  copy: {
    usage: 'copy [COUNT] [from NODE] [to NODE] [TYPE…]: a second one goes astray until deliver late',
    play({ stage }, words) {
      expectSome(stage.wire.strayCopies(whichIn(stage, words)));
    },
  },
  crash: {
    usage: 'crash NODE: its machine is gone, and with it what was not synced; nobody is told',
    play: ({ stage }, words) => stage.crash(nodeIn(stage, words)),
  },
  kill: {
    usage: 'kill NODE: the process is gone, and its connections close',
    play: ({ stage }, words) => stage.kill(nodeIn(stage, words)),
  },
  restart: {
    usage: 'restart NODE: a new life from what the disk holds',
    play: ({ stage }, words) => stage.restart(nodeIn(stage, words)),
  },
  show: {
    usage: 'show TYPE… | show nothing: messages of these types are told when they arrive',
    play({ stage }, words) {
      stage.shown = new Set(words.takeIf('nothing') ? [] : typesIn(words));
    },
  },
  wire: {
    usage: 'wire: what lies there undelivered',
    play({ stage, narrator }) {
      for (const message of stage.wire.find({})) narrator.note(describeMessage(message));
      if (stage.wire.isEmpty) narrator.note('the wire is empty');
    },
  },
  state: {
    usage: 'state [NODE…]: role, term, terms of the log, commit index',
    play: eachNode((stage, name) => [stage.isUp(name) ? describeNode(stage.core(name)) : 'down']),
  },
  disk: {
    usage: 'disk [NODE…]: what a crash would leave',
    play: eachNode((stage, name) => [`disk: ${describeDisk(stage.disk(name))}`]),
  },
  members: {
    usage: 'members [NODE…]: the configuration in force there',
    play: eachNode((stage, name) => [`goes by ${describeMembers(stage.core(name).membership)}`]),
  },
  progress: {
    usage: 'progress NODE: the book that the leader keeps of its peers',
    play: eachNode((stage, name) => describeProgress(stage.core(name))),
  },
  applied: {
    usage: 'applied [NODE…]: what the state machine was told',
    play: eachNode((stage, name) => {
      const lines = stage.actor(name).notebook.lines.map(labelOf);
      return [`applied ${lines.join(', ') || 'nothing'}`];
    }),
  },
};

const MAX_ROUNDS = 10;

function elect({ stage }: Scene, words: Words): void {
  const name = nodeIn(stage, words);
  for (let round = 0; stage.core(name).role.kind !== 'leader'; round++) {
    if (round === MAX_ROUNDS) throw new StoryError(`${name} was not elected in ${MAX_ROUNDS} rounds`);
    stage.campaign(name);
    stage.settle({ types: BALLOTS });
  }
}

const BALLOTS = ['pre-vote-request', 'pre-vote-response', 'vote-request', 'vote-response'] as const;

function propose({ stage, narrator }: Scene, words: Words): void {
  const name = nodeIn(stage, words);
  const commands: Uint8Array[] = [];
  while (!words.isEmpty) commands.push(commandOf(words.take('a command')));
  const { proposal } = stage.step(name, { type: 'propose', commands });
  if (proposal?.kind === 'refused') narrator.tell(nodeId(name), `refused the command: ${proposal.code}`);
}

function commandOf(word: string): Uint8Array {
  const quoted = /^"(.+)"$/.exec(word)?.[1];
  if (quoted !== undefined) return new TextEncoder().encode(quoted);
  const size = /^(\d+)KB$/.exec(word)?.[1];
  if (size === undefined) throw new StoryError(`${word} is neither "text" nor a size such as 200KB`);
  return new Uint8Array(Number(size) * 1024);
}

function change({ stage }: Scene, words: Words): void {
  const name = nodeIn(stage, words);
  const changes: MembershipChange[] = [];
  do {
    const type = words.takeOf(['add-voter', 'add-learner', 'remove']);
    changes.push({ type, id: nodeId(nodeIn(stage, words)) });
  } while (!words.isEmpty);
  stage.step(name, { type: 'change-membership', changes });
}

function link({ stage }: Scene, words: Words): void {
  if (!words.takeIf('all')) {
    stage.link(nodeIn(stage, words), nodeIn(stage, words));
    return;
  }
  const up = stage.names.filter((name) => stage.isUp(name));
  for (const [at, left] of up.entries()) for (const right of up.slice(at + 1)) stage.link(left, right);
}

function deliver({ stage }: Scene, words: Words): void {
  if (words.takeIf('late')) return expectSome(stage.deliverLate());
  const isAll = words.takeIf('all');
  const which = whichIn(stage, words);
  if (isAll) stage.settle(which);
  else expectSome(stage.deliver(which));
}

/** Otherwise a story would go on past what it is about. */
function expectSome(messages: number): void {
  if (messages === 0) throw new StoryError('there is no such message');
}

/** A look at the nodes named, or at all of them. */
function eachNode(look: (stage: Stage, name: string) => readonly string[]): Command['play'] {
  return ({ stage, narrator }, words) => {
    const names = words.isEmpty ? stage.names : words.takeRest().map((name) => known(stage, name));
    for (const name of names) for (const line of look(stage, name)) narrator.note(`${name} ${line}`);
  };
}

function nodeIn(stage: Stage, words: Words): string {
  return known(stage, words.take('a node'));
}

function known(stage: Stage, name: string): string {
  if (!stage.names.includes(name)) throw new StoryError(`there is no node ${name}`);
  return name;
}

function whichIn(stage: Stage, words: Words): Which {
  const count = /^\d+$/.test(words.next ?? '') ? words.takeNumber('how many') : undefined;
  const from = words.takeIf('from') ? nodeIn(stage, words) : undefined;
  const to = words.takeIf('to') ? nodeIn(stage, words) : undefined;
  return { count, from, to, types: words.isEmpty ? undefined : typesIn(words) };
}

/** Every type once, as the compiler sees to. */
const TYPES: Readonly<Record<Message['type'], true>> = {
  'vote-request': true,
  'vote-response': true,
  'pre-vote-request': true,
  'pre-vote-response': true,
  'append-request': true,
  'append-response': true,
  heartbeat: true,
  'heartbeat-response': true,
  'commit-notice': true,
  'read-request': true,
  'read-response': true,
  'snapshot-chunk': true,
  'snapshot-answer': true,
  'timeout-now': true,
  'proposal-forward': true,
  'proposal-receipt': true,
  'proposal-refusal': true,
};

function typesIn(words: Words): readonly Message['type'][] {
  const types: Message['type'][] = [];
  while (!words.isEmpty) types.push(words.takeOf(Object.keys(TYPES) as Message['type'][]));
  return types;
}

import { Command, Option } from 'commander';
import type * as work from '../crdt/execute-crdt.ts';
import { dirOption, jsonOption, parseInteger, timeoutOption } from '../options.ts';

const TYPES = 'or-map, or-set, rga-list, rga-text, pn-counter, g-counter, lww-register';

/** Documents that the instances share outside the log: without a quorum, too. */
export function crdtCommand(): Command {
  const command = new Command('crdt')
    .description('documents that the instances share outside the log, and that work without a quorum')
    .addHelpText(
      'after',
      `
A PATH names a document, or with "/FIELD" a field of one that is an or-map: board/notes, board/owner.
Types: ${TYPES}. What is written first gives a place its type.
VALUE is JSON, or a text where it is none. Exit code 2: no such document, or it is of another type. 3: no instance
answers, or with --strong no majority of the voters.

Examples:
  raft-manager crdt inc deploys
  raft-manager crdt add board/open-questions "who owns the schema?"
  raft-manager crdt set board/owner '{"name":"builder"}'
  raft-manager crdt get board --json
  raft-manager crdt checkpoint board`,
    );
  for (const one of [...readers(), ...writers(), ...blackboard()]) command.addCommand(one);
  return command;
}

function readers(): readonly Command[] {
  return [
    reach(new Command('list').description('all documents, as the instance that answers has them')).action(
      async (options: work.CrdtOptions) => (await body()).listDocuments(options),
    ),
    strong(reach(new Command('get')), 'see all that strong changes and checkpoints have acknowledged')
      .description('what is there')
      .argument('<path>', 'document, or document/field')
      .action(async (path: string, options: work.CrdtOptions) => (await body()).getDocument(path, options)),
    reach(new Command('watch').description('what is there, and again after every change, a line each'))
      .argument('<path>', 'document, or document/field')
      .action(async (path: string, options: work.CrdtOptions) => (await body()).watchDocument(path, options)),
    reach(
      new Command('checkpoint').description('put the state of a document into the log: whoever joins has it'),
    )
      .argument('<name>', 'of the document')
      .action(async (name: string, options: work.CrdtOptions) =>
        (await body()).checkpointDocument(name, options),
      ),
  ];
}

function writers(): readonly Command[] {
  return [
    change('create', 'give a place its type, before anything is in it')
      .addOption(typeOption().makeOptionMandatory())
      .action(async (path: string, options: work.WriteOptions) =>
        (await body()).createDocument(path, options),
      ),
    change('set', 'give a register a value')
      .argument('<value>', 'JSON, or a text')
      .action(async (path: string, value: string, options: work.WriteOptions) =>
        (await body()).setRegister(path, value, options),
      ),
    change('inc', 'count: by 1, or by what is given; a pn-counter may fall')
      .argument('[by]', 'a whole number')
      .addOption(typeOption())
      .action(async (path: string, by: string | undefined, options: work.WriteOptions) =>
        (await body()).countUp(path, by, options),
      ),
    change('add', 'add to a set')
      .argument('<values...>', 'JSON, or texts')
      .action(async (path: string, values: readonly string[], options: work.WriteOptions) =>
        (await body()).addToSet(path, values, options),
      ),
    change('remove', 'take out of a set, or with --at out of a list or text')
      .argument('[values...]', 'JSON, or texts: elements of the set')
      .addOption(positionOption())
      .option('--count <n>', 'how many from there on', parseInteger(1, 1_000_000))
      .action(async (path: string, values: readonly string[], options: work.CutOptions) =>
        (await body()).removeFrom(path, values, options),
      ),
    change('insert', 'insert into a list or a text; at its end, unless --at says where')
      .argument('<values...>', 'JSON, or texts; one text for an rga-text')
      .addOption(positionOption())
      .addOption(typeOption())
      .action(async (path: string, values: readonly string[], options: work.CutOptions) =>
        (await body()).insertInto(path, values, options),
      ),
    change('clear', 'take away all that is in a document, or in one field of it').action(
      async (path: string, options: work.WriteOptions) => (await body()).clearDocument(path, options),
    ),
  ];
}

function blackboard(): readonly Command[] {
  const asOption = (): Option =>
    new Option('--as <name>', 'who says it (default: the agent whose task this is, or user and host)');
  return [
    reach(new Command('note').description('leave a note on the blackboard of the swarm'))
      .argument('<text>', 'what is to be known')
      .addOption(asOption())
      .action(async (text: string, options: work.SpeakerOptions) => (await body()).leaveNote(text, options)),
    reach(new Command('progress').description('say on the blackboard how far the work has come'))
      .argument('<text>', 'replaces what was said before')
      .addOption(asOption())
      .action(async (text: string, options: work.SpeakerOptions) =>
        (await body()).tellProgress(text, options),
      ),
    reach(
      new Command('blackboard').description(
        'notes, progress, and who was heard of, as the instance that answers knows',
      ),
    ).action(async (options: work.CrdtOptions) => (await body()).showBlackboard(options)),
  ];
}

const body = (): Promise<typeof work> => import('../crdt/execute-crdt.ts');

function reach(command: Command): Command {
  return command
    .option('--via <node>', 'the instance of this machine that is to answer (default: any)')
    .addOption(jsonOption())
    .addOption(dirOption())
    .addOption(timeoutOption());
}

function change(name: string, says: string): Command {
  const command = new Command(name).description(says).argument('<path>', 'document, or document/field');
  return strong(reach(command), 'come back when a majority of the voters has it on the disk');
}

function strong(command: Command, says: string): Command {
  return command.option('--strong', says);
}

const typeOption = (): Option => new Option('--type <type>', `of what is made: ${TYPES}`);

const positionOption = (): Option =>
  new Option('--at <n>', 'position, from 0; negative counts from the end').argParser((text) =>
    Number.parseInt(text, 10),
  );

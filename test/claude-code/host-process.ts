// A session's process as a process of its own, so that a test can kill it.
import { startInstance } from '../../src/compose.ts';
import { locateProject } from '../../src/swarm/layout.ts';
import { SubagentHost } from '../../src/swarm/subagent-host.ts';

const [state = '', sessionId = ''] = process.argv.slice(2);
const host = new SubagentHost({
  project: locateProject(state, {}, process.cwd()),
  sessionId,
  version: 'test',
  holders: [],
  start: startInstance,
  onTrouble: (error) => console.error(error),
});
host.open();

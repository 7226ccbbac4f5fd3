import type { Execution } from '../../port.ts';
import { bashTool, shellGrant } from './bash.ts';
import { editTool } from './edit.ts';
import type { FileAccess } from './file-access.ts';
import { globTool } from './glob.ts';
import { grepTool } from './grep.ts';
import { Permissions } from './permissions.ts';
import { readTool } from './read.ts';
import type { SeenFiles } from './seen-files.ts';
import { swarmTools } from './swarm.ts';
import type { AgentTool } from './tool.ts';
import { Workspace } from './workspace.ts';
import { writeTool } from './write.ts';

const FILE_TOOLS: readonly (readonly [string, (access: FileAccess) => AgentTool])[] = [
  ['Read', readTool],
  ['Grep', grepTool],
  ['Glob', globTool],
  ['Write', writeTool],
  ['Edit', editTool],
];

export interface Toolbox {
  readonly tools: readonly AgentTool[];
  /** Asked for by the agent file, and not to be had here. */
  readonly missing: readonly string[];
}

/** What the agent's definition grants, and nothing that a task could say changes it. */
export async function openToolbox(execution: Execution, seen: SeenFiles): Promise<Toolbox> {
  const { agent, cwd, environment, instanceId, swarm, taskId } = execution;
  const permissions = new Permissions(agent.tools);
  const workspace = await Workspace.open({
    cwd,
    secrets: environment.RAFT_MANAGER_DIR === undefined ? [] : [environment.RAFT_MANAGER_DIR],
    fixed: [agent.source.path],
  });
  const access: FileAccess = { workspace, permissions, seen, swarm, instanceId };
  const grant = shellGrant(permissions);
  const shell = bashTool(grant, { cwd: workspace.root, environment });
  const own = FILE_TOOLS.filter(([name]) => permissions.grantOf(name).kind !== 'none').map(([, open]) =>
    open(access),
  );
  const ofSwarm = swarmTools({ swarm, taskId, shell: grant.kind === 'all' ? 'open' : 'closed' });
  const tools = [
    ...own,
    ...(shell === undefined ? [] : [shell]),
    ...ofSwarm.filter(({ name }) => !permissions.isDenied(name)),
  ];
  const names = new Set(tools.map(({ name }) => name));
  return { tools, missing: permissions.wanted.filter((name) => !names.has(name)) };
}

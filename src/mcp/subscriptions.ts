import type { McpServer } from '@modelcontextprotocol/server';
import type { Millis } from '../protocol/ids.ts';
import { LOG_URI, STATUS_URI, taskUri } from './resources.ts';
import type { Session } from './session.ts';
import type { SwarmEvent } from './swarm-link.ts';

/** A client that reads anew with every notice must not be told of each entry of a busy log. */
const GATHER_MS: Millis = 250;

/** Under revision 2025-11-25 the server keeps who follows what; later ones have the transport do so. */
type Follows = (uri: string) => boolean;

/** Tells the client which resources have changed: those that it follows, and that there are others. */
export function registerSubscriptions(
  server: McpServer,
  session: Session,
  { era, onTrouble }: { readonly era: 'legacy' | 'modern'; onTrouble(error: unknown): void },
): void {
  server.server.registerCapabilities({ resources: { subscribe: true, listChanged: true } });
  const follows = era === 'legacy' ? subscriptionsOf(server) : (): boolean => true;
  const changed = new Set<string>();
  let isListChanged = false;
  let timer: NodeJS.Timeout | undefined;
  // Before that a client wants to hear nothing; and it reads everything for the first time after it.
  let isReady = era === 'modern';
  server.server.oninitialized = () => {
    isReady = true;
  };
  const send = (): void => {
    timer = undefined;
    const uris = isReady && server.isConnected() ? [...changed] : [];
    if (isReady && isListChanged && server.isConnected()) server.sendResourceListChanged();
    for (const uri of uris) server.server.sendResourceUpdated({ uri }).catch(onTrouble);
    isListChanged = false;
    changed.clear();
  };
  const unlisten = session.listen((event) => {
    for (const uri of urisOf(event)) if (follows(uri)) changed.add(uri);
    isListChanged ||= changesList(event);
    if (isListChanged || changed.size > 0) timer ??= setTimeout(send, GATHER_MS);
  });
  server.server.onclose = () => {
    unlisten();
    clearTimeout(timer);
  };
}

function subscriptionsOf({ server }: McpServer): Follows {
  const followed = new Set<string>();
  server.setRequestHandler('resources/subscribe', ({ params }) => {
    followed.add(params.uri);
    return {};
  });
  server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    followed.delete(params.uri);
    return {};
  });
  return (uri) => followed.has(uri);
}

/** Resources that are not what they were before. */
function urisOf(event: SwarmEvent): readonly string[] {
  if (event.type === 'role' || event.type === 'gone') return [STATUS_URI];
  if (event.type !== 'applied') return [STATUS_URI, LOG_URI];
  const tasks = event.events.flatMap((one) => ('taskId' in one ? [taskUri(one.taskId)] : []));
  return [...new Set([STATUS_URI, LOG_URI, ...tasks])];
}

/** Tasks came or went; or nobody knows. */
function changesList(event: SwarmEvent): boolean {
  if (event.type === 'role') return false;
  if (event.type !== 'applied') return true;
  return event.events.some((one) => {
    return one.type === 'task-forgotten' || (one.type === 'task' && one.from === undefined);
  });
}

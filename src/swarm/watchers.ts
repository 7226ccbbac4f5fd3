import type { NodeStatus } from '../node/port.ts';
import type { TaskEvent } from '../tasks/event.ts';
import type { TaskMachine } from '../tasks/machine.ts';
import { type TaskJson, toJson } from '../tasks/task.ts';
import type { ClientConnection } from '../transport/client-connection.ts';
import type { Notice } from './port.ts';
import { pack } from './wire.ts';

/** Clients that want to hear of everything that is applied. A slow one is dropped by its connection. */
export class Watchers {
  readonly #machine: TaskMachine;
  readonly #connections = new Set<ClientConnection>();

  constructor(machine: TaskMachine) {
    this.#machine = machine;
  }

  /** The first thing a watcher hears is how things stand. */
  add(connection: ClientConnection, status: NodeStatus): void {
    this.#connections.add(connection);
    connection.push(pack({ type: 'role', status } satisfies Notice));
  }

  remove(connection: ClientConnection): void {
    this.#connections.delete(connection);
  }

  onApplied(index: number, events: readonly TaskEvent[]): void {
    if (this.#connections.size === 0 || events.length === 0) return;
    const tasks: TaskJson[] = [];
    for (const event of events) {
      const isAboutRecord = event.type === 'task' || event.type === 'turn';
      const record = isAboutRecord ? this.#machine.tasks.get(event.taskId) : undefined;
      if (record !== undefined) tasks.push(toJson(record));
    }
    this.#push({ type: 'applied', index, events, tasks });
  }

  onRestored(index: number): void {
    this.#push({ type: 'restored', index });
  }

  onRoleChanged(status: NodeStatus): void {
    this.#push({ type: 'role', status });
  }

  #push(notice: Notice): void {
    if (this.#connections.size === 0) return;
    const body = pack(notice);
    for (const connection of this.#connections) connection.push(body);
  }
}

/** `3 tasks: 2 completed, 1 ready` */
export function taskCounts(counts: Readonly<Record<string, number>>): string {
  const present = Object.entries(counts).filter(([, count]) => count > 0);
  const total = present.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return 'no tasks';
  return `${total} tasks: ${present.map(([state, count]) => `${count} ${state}`).join(', ')}`;
}

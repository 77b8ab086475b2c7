/**
 * The circles of a graph: for each set of nodes that all reach each other, a shortest way around it that begins and
 * ends with the node whose name comes first.
 */
export function circles(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const found: string[][] = [];
  const seen = new Set<string>();
  for (const node of [...graph.keys()].toSorted()) {
    if (seen.has(node)) continue;
    const way = wayBack(graph, node);
    if (way === undefined) continue;
    found.push(way);
    const reached = reachable(graph, node);
    for (const other of reached) if (reachable(graph, other).has(node)) seen.add(other);
  }
  return found;
}

/** A shortest way from a node back to it. */
function wayBack(graph: ReadonlyMap<string, ReadonlySet<string>>, node: string): string[] | undefined {
  const seen = new Set<string>();
  const ways = [[node]];
  for (const way of ways) {
    for (const next of graph.get(way.at(-1) ?? node) ?? []) {
      if (next === node) return [...way, node];
      if (seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
}

function reachable(graph: ReadonlyMap<string, ReadonlySet<string>>, node: string): ReadonlySet<string> {
  const reached = new Set<string>();
  const open = [node];
  for (let current = open.pop(); current !== undefined; current = open.pop()) {
    for (const next of graph.get(current) ?? []) {
      if (reached.has(next)) continue;
      reached.add(next);
      open.push(next);
    }
  }
  return reached;
}

/** Names a name that was probably meant, as part of an error: most begin and end like the one that was given. */
export function meant(given: string, names: readonly string[]): string {
  const own = given.slice(given.indexOf('.') + 1).toLowerCase();
  const name = names.find((known) =>
    [own.slice(0, 2), own.slice(-3)].every((part) => known.toLowerCase().includes(part)),
  );
  return name === undefined ? '' : `; did you mean ${name}?`;
}

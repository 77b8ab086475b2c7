/** A text, a sign, or a number or word of JSON. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;

/**
 * The members of a JSON object, each with the text of its value as it is.
 *
 * @param text that of an object, which JSON.parse has taken
 */
export function membersOf(text: string): readonly (readonly [name: string, value: string])[] {
  const members: [string, string][] = [];
  let depth = 0;
  let name: string | undefined;
  let start = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (depth === 1 && name !== undefined && (token === ',' || token === '}')) {
      members.push([JSON.parse(name) as string, text.slice(start, index).trim()]);
      name = undefined;
    } else if (depth === 1 && name === undefined && token.startsWith('"')) {
      name = token;
    } else if (depth === 1 && token === ':') {
      start = index + 1;
    }
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
  }
  return members;
}

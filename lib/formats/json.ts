/**
 * JSON.parse that refuses an object with two members of the same name: readers differ in which of the
 * two they take, so that such a file means different things to different programs.
 * @throws SyntaxError, also for what is not JSON
 */
export function parseStrictJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const twice = findDuplicate(text);
  if (twice !== undefined) throw new SyntaxError(`the name ${twice} stands there twice`);
  return value;
}

/** In text that is known to be JSON: strings and brackets are all that matters. */
function findDuplicate(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  const special = /["{}[\]]/g;
  const colon = /\s*:/y;
  for (let found = special.exec(text); found; found = special.exec(text)) {
    const { 0: token, index } = found;
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token !== '"') open.pop();
    else {
      const end = endOfString(text, index);
      special.lastIndex = end;
      colon.lastIndex = end;
      if (!colon.test(text)) continue;
      const name = String(JSON.parse(text.slice(index, end)));
      const names = open.at(-1);
      if (names?.has(name)) return JSON.stringify(name.slice(0, 60));
      names?.add(name);
    }
  }
  return undefined;
}

/** A regular expression would run out of stack in a string of some megabytes. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let before = quote - 1;
    while (text[before] === '\\') before--;
    if ((quote - before) % 2 === 1) return quote + 1;
  }
  return text.length;
}

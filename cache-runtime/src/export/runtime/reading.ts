/** JSON as it was written: numbers are text, and `escaped` strings are never empty. */
type Node =
  | { kind: "string"; value: string; escaped: boolean }
  | { kind: "number"; text: string }
  | { kind: "bool"; value: boolean }
  | { kind: "null" }
  | { kind: "array"; items: Node[] }
  | { kind: "object"; members: Map<string, Node> };

class Rejected extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, message: string) {
    super(message);
    this.reason = reason;
  }
}

function reject(reason: Reason, message: string): never {
  throw new Rejected(reason, message);
}

/** The length in UTF-8; half of a surrogate pair has none. */
function byteLength(text: string): number | undefined {
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else if (unit < 0xd800 || unit > 0xdfff) length += 3;
    else {
      const low = text.charCodeAt(at + 1);
      if (unit > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) return undefined;
      length += 4;
      at++;
    }
  }
  return length;
}

function readText(payload: string | Uint8Array, maxPayload: number): string {
  if (typeof payload !== "string") {
    if (payload.length > maxPayload) {
      reject("tooLarge", `${payload.length} bytes, at most ${maxPayload}`);
    }
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
        payload,
      );
    } catch {
      return reject("notUtf8", "not UTF-8");
    }
  }
  // A string that is too long in any case need not be measured.
  const length =
    payload.length > maxPayload ? payload.length : byteLength(payload);
  if (length === undefined) {
    return reject("notUtf8", "half of a surrogate pair");
  }
  if (length > maxPayload) {
    reject("tooLarge", `more than ${maxPayload} bytes`);
  }
  return payload;
}

/** Reads JSON. Of keys that an object has twice, the first is returned. */
function readJson(text: string): { root: Node; duplicate: string | undefined } {
  let at = 0;
  let duplicate: string | undefined;

  function fail(expected: string): never {
    return reject("notJson", `expected ${expected} at ${at}`);
  }
  function space(): void {
    while (at < text.length && " \n\r\t".includes(text.charAt(at))) at++;
  }
  function step(char: string): boolean {
    if (text.charAt(at) !== char) return false;
    at++;
    return true;
  }
  function expect(char: string): void {
    if (!step(char)) fail(char);
  }
  function enter(depth: number): void {
    if (depth > MAX_DEPTH) reject("tooDeep", `too deep at ${at}`);
  }
  function unit(): number {
    expect("u");
    const digits = text.slice(at, at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) fail("four hexadecimal digits");
    at += 4;
    return parseInt(digits, 16);
  }
  function escape(): string {
    const short = '"\\/bfnrt'.indexOf(text.charAt(at));
    if (at < text.length && short >= 0) {
      at++;
      return '"\\/\b\f\n\r\t'.charAt(short);
    }
    const high = unit();
    if (high < 0xd800 || high > 0xdfff) return String.fromCharCode(high);
    if (high > 0xdbff || !step("\\")) fail("a surrogate pair");
    const low = unit();
    if (low < 0xdc00 || low > 0xdfff) fail("a surrogate pair");
    return String.fromCharCode(high, low);
  }
  function string(): { kind: "string"; value: string; escaped: boolean } {
    expect('"');
    let value = "";
    let escaped = false;
    let from = at;
    for (;;) {
      if (at >= text.length) fail("a closing quote");
      const char = text.charAt(at);
      if (char === '"') {
        value += text.slice(from, at++);
        return { kind: "string", value, escaped };
      }
      if (char < " ") fail("no control character");
      if (char === "\\") {
        value += text.slice(from, at++) + escape();
        escaped = true;
        from = at;
      } else at++;
    }
  }
  function digits(): void {
    const from = at;
    while (text.charAt(at) >= "0" && text.charAt(at) <= "9") at++;
    if (at === from) fail("a digit");
  }
  function number(): Node {
    const from = at;
    step("-");
    if (!step("0")) digits();
    if (step(".")) digits();
    if (step("e") || step("E")) {
      if (!step("+")) step("-");
      digits();
    }
    return { kind: "number", text: text.slice(from, at) };
  }
  function object(depth: number): Node {
    enter(depth);
    const members = new Map<string, Node>();
    expect("{");
    space();
    if (step("}")) return { kind: "object", members };
    for (;;) {
      const key = string().value;
      space();
      expect(":");
      space();
      const member = value(depth + 1);
      if (members.has(key)) duplicate ??= key;
      else members.set(key, member);
      space();
      if (step("}")) return { kind: "object", members };
      expect(",");
      space();
    }
  }
  function array(depth: number): Node {
    enter(depth);
    const items: Node[] = [];
    expect("[");
    space();
    if (step("]")) return { kind: "array", items };
    for (;;) {
      items.push(value(depth + 1));
      space();
      if (step("]")) return { kind: "array", items };
      expect(",");
      space();
    }
  }
  function word(name: string, node: Node): Node {
    if (!text.startsWith(name, at)) fail("a value");
    at += name.length;
    return node;
  }
  function value(depth: number): Node {
    const char = text.charAt(at);
    if (char === '"') return string();
    if (char === "{") return object(depth);
    if (char === "[") return array(depth);
    if (char === "t") return word("true", { kind: "bool", value: true });
    if (char === "f") return word("false", { kind: "bool", value: false });
    if (char === "n") return word("null", { kind: "null" });
    if (char === "-" || (char >= "0" && char <= "9")) return number();
    return fail("a value");
  }

  space();
  const root = value(1);
  space();
  if (at < text.length) fail("the end");
  return { root, duplicate };
}

/** A number with all digits, if it is an integer: JavaScript writes 1e21 as such. */
function spelled(number: number): string {
  if (Object.is(number, -0)) return "-0";
  return Number.isInteger(number) ? String(BigInt(number)) : String(number);
}

/** A value of JavaScript, as if it had been read. */
function readValue(value: unknown, depth: number): Node {
  switch (typeof value) {
    case "string":
      return { kind: "string", value, escaped: false };
    case "boolean":
      return { kind: "bool", value };
    case "bigint":
      return { kind: "number", text: String(value) };
    case "number":
      return { kind: "number", text: spelled(value) };
    case "object":
      break;
    default:
      return reject("notJson", `a value of type ${typeof value}`);
  }
  if (value === null) return { kind: "null" };
  if (depth > MAX_DEPTH) reject("tooDeep", "too deep");
  if (Array.isArray(value)) {
    const items = value.map((item) => readValue(item, depth + 1));
    return { kind: "array", items };
  }
  const members = new Map<string, Node>();
  for (const [name, member] of Object.entries(value)) {
    members.set(name, readValue(member, depth + 1));
  }
  return { kind: "object", members };
}

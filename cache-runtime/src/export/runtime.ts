/** Why a payload was rejected. The first defect in this order counts. */
export type Reason =
  | "tooLarge"
  | "notUtf8"
  | "notJson"
  | "tooDeep"
  | "notAnObject"
  | "duplicateKey"
  | "unknownEvent"
  | "extraKey"
  | "missingKey"
  | "emptyValue"
  | "wrongValue";

/** An event, or why there is none. */
export type Verdict<E> =
  { ok: true; event: E } | { ok: false; reason: Reason; message: string };

/** How many objects and arrays may contain one another. */
const MAX_DEPTH = 128;

type Shape =
  | { kind: "text" | "char" | "bool" | "null" | "any" | "ignored" | "number" }
  | { kind: "narrow" }
  | { kind: "integer"; min: bigint; max: bigint; negativeZero: boolean }
  | { kind: "decimal"; min: bigint; max: bigint }
  | { kind: "optional" | "list" | "map"; inner: Shape }
  | { kind: "tuple"; items: Shape[] }
  | { kind: "struct"; closed: boolean; keys: Key[] }
  | { kind: "enum"; variants: { name: string; content: Shape | null }[] };

interface Key {
  name: string;
  shape: Shape;
  required: boolean;
}

interface Field {
  name: string;
  shape: Shape;
  nonEmpty: boolean;
}

interface EventShape {
  tag: string;
  variants: { name: string; fields: Field[] }[];
}

const text: Shape = { kind: "text" };
const char: Shape = { kind: "char" };
const bool: Shape = { kind: "bool" };
const nothing: Shape = { kind: "null" };
const any: Shape = { kind: "any" };
const ignored: Shape = { kind: "ignored" };
const number: Shape = { kind: "number" };
const narrow: Shape = { kind: "narrow" };
const integer = (min: string, max: string, negativeZero = false): Shape => ({
  kind: "integer",
  min: BigInt(min),
  max: BigInt(max),
  negativeZero,
});
const decimal = (min: string, max: string): Shape => ({
  kind: "decimal",
  min: BigInt(min),
  max: BigInt(max),
});
const optional = (inner: Shape): Shape => ({ kind: "optional", inner });
const list = (inner: Shape): Shape => ({ kind: "list", inner });
const map = (inner: Shape): Shape => ({ kind: "map", inner });
const tuple = (...items: Shape[]): Shape => ({ kind: "tuple", items });
const open = (...keys: Key[]): Shape => ({
  kind: "struct",
  closed: false,
  keys,
});
const closed = (...keys: Key[]): Shape => ({
  kind: "struct",
  closed: true,
  keys,
});
const key = (name: string, shape: Shape): Key => ({
  name,
  shape,
  required: true,
});
const maybe = (name: string, shape: Shape): Key => ({
  name,
  shape,
  required: false,
});
const either = (
  ...variants: { name: string; content: Shape | null }[]
): Shape => ({ kind: "enum", variants });
const variant = (name: string, content: Shape | null = null) => ({
  name,
  content,
});
const event = (name: string, ...fields: Field[]) => ({ name, fields });
const field = (name: string, shape: Shape): Field => ({
  name,
  shape,
  nonEmpty: false,
});
const nonEmpty = (name: string, shape: Shape): Field => ({
  name,
  shape,
  nonEmpty: true,
});
void [text, char, bool, nothing, any, ignored, number, narrow, integer];
void [decimal, optional, list, map, tuple, open, closed, key, maybe];
void [either, variant, event, field, nonEmpty];

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
      return {
        kind: "number",
        text: Object.is(value, -0) ? "-0" : String(value),
      };
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

function wrong(path: string, expected: string): never {
  return reject("wrongValue", `${path}: expected ${expected}`);
}

/** Decimal digits, and not too many to be compared. */
function inRange(digits: string, min: bigint, max: bigint): boolean {
  if (digits.length > 40) return false;
  const number = BigInt(digits);
  return number >= min && number <= max;
}

/** Whether a number is finite as an `f32`. Half way to the next one it is not. */
function isNarrow(text: string): boolean {
  const limit = BigInt("340282356779733661637539395458142568448");
  const size = Math.abs(Number(text));
  if (size !== Number(limit)) return size < Number(limit);
  // A number that is near may have been rounded to the limit: compare all digits.
  const [, whole = "", fraction = "", exponent = "0"] =
    /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const scale = Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  return scale >= 0
    ? digits * BigInt(10) ** BigInt(scale) < limit
    : digits < limit * BigInt(10) ** BigInt(-scale);
}

/** The value of a node for users, or an error if it has another shape. */
function convert(node: Node, shape: Shape, path: string): unknown {
  switch (shape.kind) {
    case "text":
      return node.kind === "string" ? node.value : wrong(path, "a string");
    case "char":
      return node.kind === "string" && [...node.value].length === 1
        ? node.value
        : wrong(path, "a character");
    case "bool":
      return node.kind === "bool" ? node.value : wrong(path, "true or false");
    case "null":
      return node.kind === "null" ? null : wrong(path, "null");
    case "any":
    case "ignored":
      return anything(node, shape.kind === "any", path);
    case "number":
    case "narrow":
      return node.kind === "number" &&
        Number.isFinite(Number(node.text)) &&
        (shape.kind === "number" || isNarrow(node.text))
        ? Number(node.text)
        : wrong(path, "a finite number");
    case "integer":
      if (
        node.kind !== "number" ||
        !/^-?\d+$/.test(node.text) ||
        (node.text === "-0" && !shape.negativeZero) ||
        !inRange(node.text, shape.min, shape.max)
      ) {
        return wrong(path, `an integer from ${shape.min} to ${shape.max}`);
      }
      return isSafe(shape.min) && isSafe(shape.max)
        ? Number(node.text)
        : BigInt(node.text);
    case "decimal":
      return node.kind === "string" &&
        /^(?:0|-?[1-9][0-9]*)$/.test(node.value) &&
        inRange(node.value, shape.min, shape.max)
        ? node.value
        : wrong(path, `digits of ${shape.min} to ${shape.max}`);
    case "optional":
      return node.kind === "null" ? null : convert(node, shape.inner, path);
    case "list":
      if (node.kind !== "array") return wrong(path, "an array");
      return node.items.map((item, index) =>
        convert(item, shape.inner, `${path}[${index}]`),
      );
    case "tuple":
      if (node.kind !== "array" || node.items.length !== shape.items.length) {
        return wrong(path, `an array of ${shape.items.length}`);
      }
      return shape.items.map((item, index) =>
        convert(node.items[index] as Node, item, `${path}[${index}]`),
      );
    case "map":
      if (node.kind !== "object") return wrong(path, "an object");
      return fromEntries(
        [...node.members].map(([name, member]) => [
          name,
          convert(member, shape.inner, `${path}.${name}`),
        ]),
      );
    case "struct":
      return struct(node, shape.keys, shape.closed, path);
    case "enum": {
      const [name, content] =
        node.kind === "string"
          ? [node.value, null]
          : node.kind === "object" && node.members.size === 1
            ? ([...node.members][0] as [string, Node])
            : wrong(path, "a variant");
      const found = shape.variants.find((variant) => variant.name === name);
      if (found === undefined) return wrong(path, "a known variant");
      if (found.content === null) {
        if (content !== null && content.kind !== "null") wrong(path, "null");
        return name;
      }
      if (content === null) return wrong(path, "a variant with its content");
      const value = convert(content, found.content, `${path}.${name}`);
      return fromEntries([[name, value]]);
    }
  }
}

function struct(
  node: Node,
  keys: Key[],
  closed: boolean,
  path: string,
): unknown {
  if (node.kind !== "object") return wrong(path, "an object");
  const entries: [string, unknown][] = [];
  for (const [name, member] of node.members) {
    const known = keys.find((key) => key.name === name);
    if (known !== undefined) {
      entries.push([name, convert(member, known.shape, `${path}.${name}`)]);
    } else if (closed) {
      wrong(`${path}.${name}`, "no such key");
    }
  }
  for (const { name, required } of keys) {
    if (required && !node.members.has(name)) {
      reject("missingKey", `${path}.${name} is missing`);
    }
  }
  return fromEntries(entries);
}

function anything(node: Node, finite: boolean, path: string): unknown {
  switch (node.kind) {
    case "array":
      return node.items.map((item) => anything(item, finite, path));
    case "object":
      return fromEntries(
        [...node.members].map(([name, member]) => [
          name,
          anything(member, finite, path),
        ]),
      );
    case "number":
      if (finite && !Number.isFinite(Number(node.text))) {
        wrong(path, "finite numbers");
      }
      return Number(node.text);
    case "null":
      return null;
    default:
      return node.value;
  }
}

/** Like `Object.fromEntries`: a key `__proto__` is a key as any other. */
function fromEntries(entries: [string, unknown][]): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [name, value] of entries) {
    Object.defineProperty(object, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return object;
}

function isSafe(number: bigint): boolean {
  return Number.isSafeInteger(Number(number));
}

function isEmpty(node: Node): boolean {
  if (node.kind === "string") return node.value === "" && !node.escaped;
  if (node.kind === "array") return node.items.length === 0;
  return node.kind === "object" && node.members.size === 0;
}

function readEvent(root: Node, shape: EventShape): unknown {
  if (root.kind !== "object") return reject("notAnObject", "not an object");
  const { members } = root;
  const tag = members.get(shape.tag);
  if (tag === undefined) {
    return reject("missingKey", `${shape.tag} is missing`);
  }
  if (tag.kind !== "string") return wrong(shape.tag, "a string");
  const variant = shape.variants.find(({ name }) => name === tag.value);
  if (variant === undefined) {
    return reject("unknownEvent", `no event ${JSON.stringify(tag.value)}`);
  }
  const { fields } = variant;
  for (const name of members.keys()) {
    if (name !== shape.tag && !fields.some((field) => field.name === name)) {
      reject("extraKey", `${name} is no key of ${tag.value}`);
    }
  }
  const found = fields.map((field) => {
    const node = members.get(field.name);
    if (node === undefined) {
      return reject("missingKey", `${field.name} is missing`);
    }
    return { ...field, node };
  });
  for (const { name, nonEmpty, node } of found) {
    if (nonEmpty && isEmpty(node)) reject("emptyValue", `${name} is empty`);
  }
  const entries = found.map(({ name, shape, node }): [string, unknown] => [
    name,
    node.kind === "null" ? wrong(name, "a value") : convert(node, shape, name),
  ]);
  return fromEntries([[shape.tag, tag.value], ...entries]);
}

/** `E` is the type of the events that the shape describes. */
function verdict<E>(read: () => unknown): Verdict<E> {
  try {
    return { ok: true, event: read() as E };
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    return { ok: false, reason: error.reason, message: error.message };
  }
}

function decode<E>(
  shape: EventShape,
  payload: string | Uint8Array,
  maxPayload: number,
): Verdict<E> {
  return verdict(() => {
    const text = readText(payload, maxPayload);
    const { root, duplicate } = readJson(text);
    if (root.kind === "object" && duplicate !== undefined) {
      reject("duplicateKey", `${duplicate} stands twice`);
    }
    return readEvent(root, shape);
  });
}

function check<E>(shape: EventShape, value: unknown): Verdict<E> {
  return verdict(() => readEvent(readValue(value, 1), shape));
}

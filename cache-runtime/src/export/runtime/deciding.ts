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

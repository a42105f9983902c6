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

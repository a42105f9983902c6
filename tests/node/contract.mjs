// Compares what was exported with the verdicts of the decoder in Rust.
//
//   node contract.mjs folder
//
// The folder has the compiled modules `events.js` and `zod.js`, the schema `events.schema.json`,
// and `rows.jsonl`: `event`, `payload` or `hex`, `verdict`, and perhaps `maxPayload`.
import Ajv from "ajv/dist/2020.js";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const folder = resolve(process.argv[2]);
const read = (name) => readFileSync(join(folder, name), "utf8");
const events = await import(join(folder, "events.js"));
const zod = await import(join(folder, "zod.js"));
const ajv = new Ajv({ strict: true, keywords: ["x-fingerprint", "x-channels"] });
ajv.addSchema(JSON.parse(read("events.schema.json")), "schema");

const value = (name) => name[0].toLowerCase() + name.slice(1);
const bare = (text) => text.replace(/"(?:[^"\\]|\\.)*"/g, '""');

/** Whether `JSON.parse` hides what the verdict depends on. */
function isBlind(text, verdict) {
  if (["duplicateKey", "tooLarge", "notUtf8", "tooDeep", "notJson"].includes(verdict)) return true;
  const numbers = bare(text).match(/-?\d[\d.eE+-]*/g) ?? [];
  return numbers.some((number) => {
    const read = Number(number);
    return Number.isInteger(read)
      ? Object.is(read, -0) || !Number.isSafeInteger(read) || String(read) !== number
      : !Number.isFinite(read);
  });
}

const counts = { rows: 0, accepted: 0, parsed: 0 };
const mismatches = [];
for (const line of read("rows.jsonl").trim().split("\n")) {
  const row = JSON.parse(line);
  const { event, verdict } = row;
  const says = (what, found) => mismatches.push(`${what} says ${found}: ${line}`);
  counts.rows++;
  if (verdict === "accepted") counts.accepted++;
  const bytes = row.hex === undefined ? Buffer.from(row.payload) : Buffer.from(row.hex, "hex");
  const payloads = row.hex === undefined ? [row.payload, bytes] : [bytes];
  for (const payload of payloads) {
    const read = events[`decode${event}`](payload, row.maxPayload);
    const found = read.ok ? "accepted" : read.reason;
    if (found !== verdict) says("decode", found);
  }
  if (row.hex !== undefined) continue;
  let parsed;
  try {
    parsed = JSON.parse(row.payload);
  } catch {
    if (verdict === "accepted") says("JSON.parse", "no JSON");
    continue;
  }
  if (isBlind(row.payload, verdict)) continue;
  counts.parsed++;
  const checked = events[`check${event}`](parsed);
  const found = checked.ok ? "accepted" : checked.reason;
  if (found !== verdict) says("check", found);
  const accepted = verdict === "accepted";
  // Zod does not see nested keys that are called `__proto__`.
  if (!accepted && parsed?.kind === "proto") continue;
  if (zod[value(event)].safeParse(parsed).success !== accepted) says("zod", !accepted);
  // JSON Schema does not see the range of an integer that is a string.
  if (!accepted && /"-?[1-9]\d*"/.test(row.payload) && event === "EveryTypeEvent") continue;
  const schema = ajv.getSchema(`schema#/$defs/${event}`);
  if (schema(parsed) !== accepted) says("JSON Schema", !accepted);
}
// A power of two, which `JSON.parse` does not round.
const large = JSON.stringify({
  kind: "numbers", byte: 1, signed: 1, wide: 1, widest: 2 ** 100, ratio: 1, narrow: 1,
});
if (!events.checkEveryTypeEvent(JSON.parse(large)).ok) mismatches.push(`check rejects ${large}`);
console.log(JSON.stringify(counts));
for (const mismatch of mismatches.slice(0, 20)) console.log(mismatch);
if (mismatches.length > 0) {
  console.log(`${mismatches.length} mismatches`);
  process.exit(1);
}

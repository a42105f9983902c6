// A service in another language: prints the events of a channel, publishes the lines that it reads.
//
//   node client.mjs redis://… channel
//
// A line `{"run":[…]}` runs a command instead, and prints the answer as `answered …`.
import Redis from "ioredis";
import { createInterface } from "node:readline";

const [url, channel] = process.argv.slice(2);
const subscriber = new Redis(url);
const publisher = new Redis(url);

subscriber.on("message", (_, payload) => {
  const event = JSON.parse(payload);
  console.log(`got ${JSON.stringify(event)}`);
});
await subscriber.subscribe(channel);
console.log("ready");

for await (const line of createInterface({ input: process.stdin })) {
  const { run } = JSON.parse(line);
  if (run) {
    // Arguments that are no strings are written as a JavaScript service writes them.
    const words = run.map((word) => (typeof word === "string" ? word : JSON.stringify(word)));
    const answer = await publisher.call(...words);
    // What is JSON is read, so that it shows what JavaScript makes of it.
    let read = answer;
    try {
      read = JSON.parse(answer);
    } catch {}
    console.log(`answered ${JSON.stringify(read)}`);
    continue;
  }
  // Parsed and encoded again, so that the spelling is that of JavaScript.
  const payload = JSON.stringify(JSON.parse(line));
  console.log(`reached ${await publisher.publish(channel, payload)}`);
}
subscriber.disconnect();
publisher.disconnect();

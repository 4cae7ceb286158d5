// What test_live_sdk.py asks of the JavaScript SDK; the verbs of live_probe.c.
//
//   live_probe.mjs place SALT <UNITS
//   live_probe.mjs assign ROLLOUT FOLDER <UNITS
//   live_probe.mjs say ROLLOUT FOLDER N      into the spool, sent where there is NOCTURNE_URL; waits for the end of its input
//   live_probe.mjs shadow ROLLOUT FOLDER N
//   live_probe.mjs memory ROLLOUT N          outcomes in memory, sent before it ends
//   live_probe.mjs measure ROLLOUT FOLDER N
import fs from "node:fs";
import { place, Rollout as Anywhere } from "../../workers/sdk/js/src/index.js";
import { Rollout } from "../../workers/sdk/js/src/node.js";

const [verb, name, folder, n] = process.argv.slice(2);

function* units() {
  const bytes = fs.readFileSync(0), text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32LE(at);
    yield text.decode(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
}

function placeOf(unit) {
  try {
    return (place(name, unit) * 2 ** 52).toString(16).padStart(13, "0");
  } catch {
    return "-";
  }
}

const say = (rollout, count) => {
  for (let i = 0; i < count; i++)
    if (!rollout.assign(`j-${i}`).outcome({ em: 0.1, tokens: i }, { id: `o-${i}`, segment: 'a "b"\n' })) throw new Error("not kept");
};

const verbs = {
  place() {
    console.log([...units()].map(placeOf).join("\n"));
  },
  assign() {
    const rollout = new Rollout(name, { folder });
    const shown = (v) => `${v.variant} ${v.reason} ${Number(v.counted)} ${v.parameters.threshold ?? -1} ${v.parameters.model ?? "-"}`;
    console.log([...units()].map((unit) => shown(rollout.assign(unit))).join("\n"));
  },
  async say() {
    const rollout = new Rollout(name, { folder });
    if (process.env.NOCTURNE_URL) await rollout.ready();
    say(rollout, Number(n));
    console.log("said");
    for await (const _ of process.stdin);
    console.log(await rollout.close());
  },
  shadow() {
    const rollout = new Rollout(name, { folder });
    for (let i = 0; i < Number(n); i++) {
      const v = rollout.assign(`j-${i}`), [first, second] = Object.keys(v.shadow);
      console.log(Object.entries(v.shadow).map(([variant, of]) => `${variant} ${of.threshold}`).join(" "));
      v.outcome({ em: 1 }, { id: `o-${i}`, shadow: { [first]: { em: 0, tokens: 90 }, [second]: {} } });
    }
    console.log(Object.keys(rollout.assign("user-1").shadow).length ? "some" : "none");
  },
  async memory() {
    const rollout = new Anywhere(name, { url: process.env.NOCTURNE_URL, token: process.env.NOCTURNE_TOKEN });
    await rollout.ready();
    say(rollout, Number(folder));
    rollout.assign("j-0").exposed();
    const bad = [{ em: NaN }, { em: "x" }, { ["x".repeat(20000)]: 1 }].map((metrics) => rollout.assign("j-1").outcome(metrics));
    console.log(JSON.stringify([await rollout.close(), bad]));
  },
  measure() {
    const rollout = new Rollout(name, { folder }), begun = performance.now();
    let counted = 0;
    for (let i = 0; i < Number(n); i++) counted += rollout.assign(`user-${String(i).padStart(8, "0")}`).counted;
    console.log(`${Math.round((1000 * n) / (performance.now() - begun))} assignments/s, ${counted} counted`);
  },
};
await verbs[verb]();

/* What a client of OpenFeature in JavaScript gets: node client.mjs URL TOKEN < [[kind, key, default, context], …] > [details, …] */
import { OpenFeature } from "@openfeature/server-sdk";
import { OFREPProvider } from "@openfeature/ofrep-provider";

let said = "";
for await (const bytes of process.stdin) said += bytes;
const [baseUrl, token] = process.argv.slice(2);
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers: { Authorization: `Bearer ${token}` } }));
OpenFeature.setLogger({ error() {}, warn() {}, info() {}, debug() {} });
const client = OpenFeature.getClient(), out = [];
const ask = { object: "getObjectDetails", number: "getNumberDetails", string: "getStringDetails", boolean: "getBooleanDetails" };
for (const [kind, key, usual, context] of JSON.parse(said)) out.push(await client[ask[kind]](key, usual, context));
console.log(JSON.stringify(out));
await OpenFeature.close();

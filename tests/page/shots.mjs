/* The pictures of the README: node shots.mjs DATABASE STUDY OUT. Beside a finished study of the demo; look at them. */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { NOCTURNE, openBrowser, until } from "./world.mjs";

const [db, study, out] = process.argv.slice(2).map((a, i) => (i === 1 ? a : resolve(a)));
const folder = mkdtempSync(join(tmpdir(), "nocturne-shots-")), copy = join(folder, "nocturne.db");
execFileSync(NOCTURNE, ["backup", copy, "--db", db]);
mkdirSync(out, { recursive: true });
const server = spawn(NOCTURNE, ["serve", "--db", copy, "--listen", "127.0.0.1:0", "--slots", "0"], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
let said = "";
server.stdout.on("data", (bytes) => (said += bytes));
const url = await until("the service listens", async () => /http:\S+/.exec(said)?.[0]);
const token = readFileSync(join(folder, "nocturne.token"), "utf8").trim();
const browser = await openBrowser();

async function shoot(name, hash, { width, height, dark = false, ready, at }) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", timezoneId: "UTC" }), page = await context.newPage();
    await page.goto(`${url}/#token=${token}&to=${encodeURIComponent(hash)}`);
    for (const part of ready) await page.locator(part).first().waitFor();
    if (at) await page.locator(at).first().evaluate((e) => e.scrollIntoView({ block: "start" }));
    await page.waitForTimeout(2000); /* a picture, not a test */
    await page.screenshot({ path: join(out, `${name}.png`) });
    await context.close();
}

await shoot("page-verdict", `#/s/${study}`, { width: 1280, height: 1010, ready: ["[data-part=verdict]", "[data-part=confirmation]", "[data-figure=front] canvas"] });
await shoot("page-choice", `#/s/${study}`, { width: 1280, height: 900, dark: true, ready: ["[data-figure=front] canvas", "[data-figure=history] canvas"], at: "[data-figure=history]" });
await shoot("page-phone", `#/s/${study}`, { width: 390, height: 844, ready: ["[data-part=verdict]", "[data-part=health]"] });
await browser.close();
server.kill();

/* A service for the tests: studies of its own in a folder of its own, tokens for both roles, a browser. */
import { execFileSync, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

export const NOCTURNE = join(resolve(process.env.NOCTURNE_BIN ?? "build/dev/bin"), "nocturne");
export const PATIENCE = 240_000; /* only a hang uses it up */

const STUDY = `study: NAME
trial: {command: [sh, trial.sh, "{x}", "{k}"], grace: 1s}
parameters:
  x: {type: float, range: [0.01, 1], scale: log}
  k: {type: int, range: [1, 9]}
  kind: {type: categorical, values: [plain, "<b>bold</b>"]}
metrics:
  em: {goal: maximize, kind: proportion, of: 1000}
  tokens: {goal: minimize, kind: count}
baseline: {x: 0.9, k: 5, kind: plain}
references:
  strong: {x: 0.5, k: 8, kind: plain}
objective: {weights: {em: 0.7, tokens: 0.3}}
budget: {trials: TRIALS}
confirm: {top: 1, seeds: 2}
search: {sampler: sobol, seed: 3}
workers: {local: 2}
`;
/* em rises with k, which costs tokens: who wins depends on the weights. Waits for `gate`, if it is told to. */
const TRIAL = `i=0
while [ $i -lt 4 ]; do
  i=$((i + 1))
  echo "nocturne: {\\"step\\": $i, \\"em\\": 0.$((10 + i)), \\"tokens\\": $((i * 100))}"
  if [ -n "$GATE" ]; then while [ ! -e "$GATE" ]; do sleep 0.1; done; fi
done
echo "log of trial $NOCTURNE_TRIAL <script>alert(1)</script>"
awk -v x="$1" -v k="$2" -v s="$NOCTURNE_SEED" 'BEGIN { printf "nocturne: {\\"result\\": {\\"em\\": %.4f, \\"tokens\\": %d}}\\n", 0.4 + 0.03 * k - (x - 0.3)^2 / 4 + (s % 7) / 1000, 1000 + 300 * k * k + 100 * x + s % 5 }'
`;

/* Few values, so that stages are taken over; three metrics count. */
const STAGED = `study: staged
trial: {grace: 1s}
stages:
  train: {command: [sh, stage.sh, "{x}", "{output}"], parameters: [x]}
  shrink: {command: [sh, stage.sh, "{y}", "{output}"], parameters: [y]}
  judge: {command: [sh, stage.sh, "{z}", "{output}"], parameters: [z]}
parameters:
  x: {type: int, range: [1, 3]}
  y: {type: int, range: [1, 3]}
  z: {type: float, range: [0, 1]}
metrics:
  em: {goal: maximize, kind: proportion, of: 1000}
  tokens: {goal: minimize, kind: count}
  bytes: {goal: minimize, kind: count}
baseline: {x: 2, y: 2, z: 0.5}
objective: {weights: {em: 0.6, tokens: 0.2, bytes: 0.2}}
budget: {trials: 16}
confirm: {top: 0, seeds: 0}
search: {sampler: sobol, seed: 3}
workers: {local: 1}
`;
const STAGE = `printf '%s\\n' "$NOCTURNE_STAGE $1 $(cat "$NOCTURNE_INPUT" 2>/dev/null)" > "$2"
awk -v s="$(cat "$2" | tr '\\n' ' ')" 'BEGIN { n = split(s, w, " "); for (i = 1; i <= n; i++) v[w[i]] = w[i + 1]; printf "nocturne: {\\"result\\": {\\"em\\": %.3f, \\"tokens\\": %d, \\"bytes\\": %d}}\\n", 0.3 + 0.1 * v["train"] - 0.05 * v["shrink"] + 0.02 * v["judge"], 500 * v["train"] + 10, 4000 * v["train"] / (1 + v["shrink"]) }'
`;

export async function until(what, holds) {
    for (const end = Date.now() + PATIENCE; ; await new Promise((done) => setTimeout(done, 50))) {
        const found = await holds().catch(() => null);
        if (found) return found;
        if (Date.now() > end) throw new Error(`it never came to this: ${what}`);
    }
}

export class World {
    constructor() {
        this.dir = mkdtempSync(join(tmpdir(), "nocturne-page-"));
        this.gate = join(this.dir, "gate");
    }

    path(name) { return join(this.dir, name); }
    run(...args) { return execFileSync(NOCTURNE, args, { cwd: this.dir, encoding: "utf8", env: this.env(), maxBuffer: 1 << 26 }); }
    env() { return { ...Object.fromEntries(Object.entries(process.env).filter(([k]) => !k.startsWith("NOCTURNE_"))), GATE: "" }; }

    study(name, trials) {
        writeFileSync(this.path("trial.sh"), TRIAL);
        writeFileSync(this.path(`${name}.yaml`), STUDY.replace("NAME", name).replace("TRIALS", trials));
    }

    /* Counts samples, and what is cheapest breaks its constraint. */
    bound(name, trials) {
        const renamed = (text) => text.replaceAll("tokens", "samples");
        this.study(name, trials);
        writeFileSync(this.path("bound.sh"), renamed(TRIAL));
        writeFileSync(this.path(`${name}.yaml`), renamed(readFileSync(this.path(`${name}.yaml`), "utf8")).replace("trial.sh", "bound.sh").replace("em: 0.7, samples: 0.3", "em: 0.1, samples: 0.9").replace("baseline:", 'constraints: ["em >= baseline - 0.02"]\nbaseline:'));
        this.run("run", `${name}.yaml`);
    }

    staged() {
        writeFileSync(this.path("stage.sh"), STAGE);
        writeFileSync(this.path("staged.yaml"), STAGED);
        this.run("run", "staged.yaml");
    }

    /* At a port that the service chooses; after that at the same. */
    async start(env = {}) {
        const out = openSync(this.path("serve.out"), "a");
        this.server = spawn(NOCTURNE, ["serve", "--listen", `127.0.0.1:${this.port ?? 0}`, "--slots", "4"], { cwd: this.dir, env: { ...this.env(), ...env }, stdio: ["ignore", out, out] });
        closeSync(out);
        this.port ??= await until("the service says where it listens", async () => /:(\d+)$/m.exec(readFileSync(this.path("serve.out"), "utf8"))?.[1]);
        await until("the service answers", async () => (await fetch(`${this.url}/healthz`)).ok);
        this.operator = readFileSync(this.path("nocturne.token"), "utf8").trim();
        this.viewer ??= (await this.call("POST", "/tokens", { name: "looker", role: "viewer" })).token;
    }

    async kill() {
        const gone = new Promise((done) => this.server.once("exit", done));
        this.server.kill("SIGKILL");
        await gone;
    }

    get url() { return `http://127.0.0.1:${this.port}`; }

    async call(method, path, body, type = "application/json") {
        const answer = await fetch(`${this.url}/api/v1${path}`, { method, headers: { Authorization: `Bearer ${this.operator}`, "Content-Type": type }, body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body) });
        if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
        return answer.json();
    }

    async end() {
        if (this.server && this.server.exitCode === null && this.server.signalCode === null) {
            const gone = new Promise((done) => this.server.once("exit", done));
            this.server.kill("SIGTERM");
            await gone;
        }
        rmSync(this.dir, { recursive: true, force: true });
    }
}

export const openBrowser = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/* A page that has come in with a token, and what went wrong on it. `context`: that of another page, whose tab it is beside. */
export async function enter(browser, world, hash, { token = world.operator, width = 1280, height = 800, dark = false, touch = false, context } = {}) {
    context ??= await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", hasTouch: touch });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    page.asked = []; /* paths, in their order */
    page.wrongs = [];
    page.elsewhere = [];
    page.on("pageerror", (e) => page.wrongs.push(e.message));
    page.on("request", (r) => { page.asked.push(r.url().slice(`${world.url}/api/v1`.length)); if (!r.url().startsWith(world.url) && !/^(data|blob):/.test(r.url())) page.elsewhere.push(r.url()); if (r.url().includes(token)) page.wrongs.push(`the token went out in an address: ${r.url()}`); });
    page.on("console", (m) => { if (m.text().startsWith("CSP ")) page.wrongs.push(m.text()); });
    await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => console.error(`CSP ${e.violatedDirective} ${e.blockedURI} ${e.sample}`)));
    await page.goto(`${world.url}/#token=${token}&to=${encodeURIComponent(hash)}`);
    await page.locator("main#content").waitFor();
    return page;
}

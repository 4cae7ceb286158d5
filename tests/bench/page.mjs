/* How long people wait for the page, beside optuna-dashboard on the same trials in the same browser and run:
 *
 *     node tests/bench/page.mjs [--trials 1000,50000] [--rounds 5] [--optuna PYTHON]
 *
 * PYTHON has optuna and optuna-dashboard (pip install optuna-dashboard). NOCTURNE_BIN: the release build;
 * PAGE_TESTS: a folder whose node_modules have playwright-core (build/dev/page-tests). Times are taken inside the page:
 * from the start of the navigation, or from the event, to the second frame after what was waited for is in the page. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

process.env.NOCTURNE_BIN ??= "build/release/bin";
const { values } = parseArgs({ options: { trials: { type: "string", default: "1000,50000" }, rounds: { type: "string", default: "5" }, optuna: { type: "string", default: "" } } });
const ROUNDS = Number(values.rounds), LONGEST = 60_000;
const tests = resolve(process.env.PAGE_TESTS ?? "build/dev/page-tests");
const { World, openBrowser } = await import(pathToFileURL(join(tests, "world.mjs")));

/* The same trials for both: em by a hump over lr, tokens by batch, with noise. */
function trials(n) {
    let seed = 12345;
    const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
    return Array.from({ length: n }, () => {
        const lr = 10 ** (-4 + 3 * random()), batch = 8 + Math.floor(505 * random());
        const em = Math.max(0, 0.62 - 0.05 * (Math.log10(lr) + 2.5) ** 2 - 0.00005 * batch + 0.02 * (random() - 0.5));
        return { lr: Number(lr.toPrecision(5)), batch, em: Number(em.toFixed(4)), tokens: Math.round(1e6 * (0.5 + 400 / batch) * (0.9 + 0.2 * random())) };
    });
}

/* ---- the two sides ---- */

class Ours {
    constructor() { this.world = new World(); }

    async open(all) {
        const w = this.world;
        writeFileSync(w.path("s.yaml"), "study: s\nparameters:\n  lr: {type: float, range: [1e-4, 1e-1], scale: log}\n  batch: {type: int, range: [8, 512]}\nmetrics:\n  em: {goal: maximize, kind: proportion}\n  tokens: {goal: minimize, kind: count}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\nbaseline: {lr: 0.003, batch: 64}\nbudget: {trials: 1000000}\n");
        writeFileSync(w.path("s.csv"), `lr,batch,em,tokens\n${all.map((t) => `${t.lr},${t.batch},${t.em},${t.tokens}`).join("\n")}\n`);
        w.run("import", "s.yaml", "s.csv");
        await w.start();
        await w.call("POST", "/studies/s/resume", {});
        await this.tell(); /* the baseline */
    }

    address() { return `${this.world.url}/#token=${this.world.operator}&to=${encodeURIComponent("#/s/s")}`; }
    end() { return this.world.end(); }
    /* The verdict's words, and as many points in the history as there are trials. */
    painted = `(n) => document.querySelector("[data-part=verdict], [data-part=outcome]") && Number(document.querySelector("[data-figure=history] [data-points], [data-figure=history][data-points]")?.dataset.points ?? 0) >= n`;
    hovered = `() => !!document.querySelector(".readout")`;
    drawing = "[data-figure=history] .drawing";
    count = `() => document.querySelector("main")?.innerText.match(/of event (\\d+)/)?.[1]`;

    async tell() {
        const [t] = (await this.world.call("POST", "/studies/s/ask", {})).trials;
        const at = Date.now();
        await this.world.call("POST", `/studies/s/trials/${t.trial}/tell`, { lease: t.lease, metrics: { em: 0.5, tokens: 500000 } });
        return { at, shown: `(n) => [...document.querySelectorAll(".events li")].some((li) => li.innerText.includes("trial " + n + " ") && li.innerText.includes("complete"))`, n: t.trial };
    }
}

const OPTUNA = `
import json, sys, time
import optuna
from optuna.distributions import FloatDistribution as F, IntDistribution as I
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
optuna.logging.set_verbosity(optuna.logging.ERROR)
path, rows = sys.argv[1], json.load(open(sys.argv[2]))
study = optuna.create_study(study_name="s", storage=JournalStorage(JournalFileBackend(path)), directions=["maximize"])
d = {"lr": F(1e-4, 1e-1, log=True), "batch": I(8, 512)}
study.add_trials([optuna.trial.create_trial(params={"lr": r["lr"], "batch": r["batch"]}, distributions=d, value=r["em"]) for r in rows])
print("ready", flush=True)
for line in sys.stdin:
    t = study.ask(d)
    at = time.time() * 1000
    study.tell(t, 0.999)
    print(t.number, at, flush=True)
`;

const freePort = () => new Promise((done) => { const s = createServer().listen(0, "127.0.0.1", () => { const { port } = s.address(); s.close(() => done(port)); }); });

class Theirs {
    async open(all) {
        this.world = new World(); /* for its folder */
        writeFileSync(this.world.path("rows.json"), JSON.stringify(all));
        writeFileSync(this.world.path("fill.py"), OPTUNA);
        this.filler = spawn(values.optuna, [this.world.path("fill.py"), this.world.path("o.log"), this.world.path("rows.json")], { stdio: ["pipe", "pipe", "inherit"] });
        this.lines = createInterface({ input: this.filler.stdout })[Symbol.asyncIterator]();
        await this.lines.next();
        this.port = await freePort();
        this.server = spawn(join(dirname(values.optuna), "optuna-dashboard"), [this.world.path("o.log"), "--port", String(this.port)], { stdio: "ignore" });
        for (;;) {
            const answer = await fetch(`http://127.0.0.1:${this.port}/api/studies`).catch(() => null);
            if (answer?.ok && (await answer.json()).study_summaries?.length) break;
            await new Promise((done) => setTimeout(done, 100));
        }
    }

    address() { return `http://127.0.0.1:${this.port}/dashboard/studies/0`; }
    async end() {
        this.filler.kill();
        this.server.kill();
        this.world.server = { exitCode: 0 };
        await this.world.end();
    }
    /* Its history plot has a trace with points: what it draws of them is not looked at. */
    painted = `(n) => [...document.querySelectorAll(".js-plotly-plot")].some((p) => (p.data ?? []).some((t) => (t.x?.length ?? 0) >= n) && p.querySelector(".main-svg .trace, canvas"))`;
    hovered = `() => !!document.querySelector(".hoverlayer .hovertext")`;
    drawing = ".js-plotly-plot .draglayer .nsewdrag";

    async tell() {
        this.filler.stdin.write("\n");
        const [n, at] = (await this.lines.next()).value.split(" ").map(Number);
        return { at, shown: `(n) => [...document.querySelectorAll(".js-plotly-plot")].some((p) => (p.data ?? []).some((t) => (t.x?.length ?? 0) > n))`, n };
    }
}

/* ---- the clock ---- */

/* In the page: when does `holds` become true, as performance.now() of the second frame after it? */
const watch = (holds, argument) => `new Promise((done, fail) => {
    const holds = ${holds}, end = performance.now() + ${LONGEST};
    const look = () => {
        let there = false;
        try { there = holds(${JSON.stringify(argument)}); } catch {}
        if (there) requestAnimationFrame(() => requestAnimationFrame(() => done({ now: performance.now(), date: Date.now() })));
        else if (performance.now() > end) fail(new Error("never"));
        else requestAnimationFrame(look);
    };
    look();
})`;

const median = (x) => [...x].sort((a, b) => a - b)[Math.floor(x.length / 2)];
const spread = (x) => (x.length ? `${median(x).toFixed(0)} (${Math.min(...x).toFixed(0)} to ${Math.max(...x).toFixed(0)})` : "–");

async function firstPaint(browser, side, n) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } }), page = await context.newPage();
    page.setDefaultTimeout(LONGEST);
    let bytes = 0;
    const cdp = await context.newCDPSession(page);
    await cdp.send("Network.enable");
    cdp.on("Network.loadingFinished", (e) => (bytes += e.encodedDataLength));
    await page.goto(side.address(), { waitUntil: "commit" });
    const at = (await page.evaluate(watch(side.painted, n))).now;
    return { context, page, at, bytes };
}

/* From the mouse's event to the box that says what the point is. */
async function hover(page, side) {
    const box = await page.locator(side.drawing).first().boundingBox(), times = [];
    for (let i = 0; i < 24; i++) {
        await page.mouse.move(box.x + 1, box.y - 5);
        await page.waitForFunction(`!(${side.hovered})()`).catch(() => {});
        await page.evaluate("window.moved = 0; document.addEventListener('mousemove', (e) => (window.moved ||= performance.now()), { capture: true, once: true })");
        const seen = page.evaluate(watch(side.hovered));
        await page.mouse.move(box.x + box.width * (0.2 + 0.03 * i), box.y + box.height * (0.15 + 0.08 * (i % 7)), { steps: 1 });
        const at = await Promise.race([seen, new Promise((done) => setTimeout(() => done(null), 1000))]);
        const moved = await page.evaluate("window.moved");
        if (at && moved) times.push(at.now - moved);
        else seen.catch(() => {});
    }
    return times;
}

/* What only ours has: the weights' slider, a filter and a sort of the table, another tab. From the event in the page. */
async function act(page, side, n) {
    const base = side.world.url, took = {};
    const time = async (name, act, holds, argument) => {
        await page.evaluate("window.acted = 0; for (const e of ['input', 'click', 'keydown']) document.addEventListener(e, () => (window.acted ||= performance.now()), { capture: true, once: true })");
        const seen = page.evaluate(watch(holds, argument));
        await act();
        (took[name] ??= []).push((await seen).now - (await page.evaluate("window.acted")));
    };
    for (const w of [10, 95, 20, 90]) {
        const { trial } = await side.world.call("GET", `/studies/s/best?weights=${encodeURIComponent(`em=${w / 100},tokens=${1 - w / 100}`)}`);
        await time("slider", () => page.getByLabel("weight of em").fill(String(w)), `([w, trial]) => location.hash.includes("w=" + w) && document.querySelector("[data-figure=front] [data-winner]").dataset.winner === trial`, [w / 100, String(trial)]);
    }
    await page.goto(`${base}/#/s/s/trials`);
    await page.evaluate(watch(`(n) => Number(document.querySelector("[role=grid]")?.getAttribute("aria-rowcount")) > n`, n));
    for (const f of ["em>0.5", "", "lr:1e-3..2e-3 -batch<100", ""])
        await time("filter", () => page.locator("#filter").fill(f), `(all) => (Number(document.querySelector("[role=grid]").getAttribute("aria-rowcount")) > ${n}) === all`, f === "");
    for (const order of ["ascending", "descending", "none", "ascending"])
        await time("sort", () => page.getByRole("columnheader", { name: /^em/ }).getByRole("button").click(), `(order) => [...document.querySelectorAll("[role=columnheader]")].find((c) => /^em/.test(c.innerText)).getAttribute("aria-sort") === order`, order);
    for (const [tab, part] of [["Time", "timeline"], ["Verdict", "front"], ["Why", "parallel"], ["Verdict", "front"], ["Time", "timeline"], ["Verdict", "front"]])
        await time(`tab ${tab}`, () => page.getByRole("link", { name: tab, exact: true }).click(), `(part) => Number(document.querySelector(\`[data-figure=\${part}] [data-points], [data-figure=\${part}][data-points]\`)?.dataset.points) > 0`, part);
    return took;
}

async function live(page, side, times) {
    for (let i = 0; i < 5; i++) {
        const { at, shown, n } = await side.tell();
        times.push((await page.evaluate(watch(shown, n))).date - at);
    }
}

async function measure(n) {
    const all = trials(n), sides = { nocturne: new Ours(), ...(values.optuna ? { "optuna-dashboard": new Theirs() } : {}) }, results = {};
    for (const [name, side] of Object.entries(sides)) (await side.open(all), (results[name] = { paint: [], bytes: 0, hover: [], live: [] }));
    const browser = await openBrowser();
    for (let round = 0; round < ROUNDS; round++)
        for (const [name, side] of Object.entries(sides)) {
            const { context, page, at, bytes } = await firstPaint(browser, side, n).catch((e) => (console.error(`${name}: ${e.message.split("\n")[0]}`), {}));
            if (!page) continue;
            results[name].paint.push(at);
            results[name].bytes = Math.max(results[name].bytes, bytes);
            if (round < 2) results[name].hover.push(...(await hover(page, side)));
            if (round < 2 && name === "nocturne") for (const [what, times] of Object.entries(await act(page, side, n))) ((results[name].acts ??= {})[what] ??= []).push(...times);
            if (round === 0) {
                if (name === "nocturne") await page.goto(`${side.world.url}/#/s/s/time`);
                await live(page, side, results[name].live).catch((e) => console.error(`${name}: ${e.message.split("\n")[0]}`));
            }
            await context.close();
        }
    await browser.close();
    for (const side of Object.values(sides)) await side.end();
    for (const [name, r] of Object.entries(results))
        (console.log(`${n} trials, ${name}: first paint ${spread(r.paint)} ms, ${(r.bytes / 1000).toFixed(0)} kB; hover to readout ${spread(r.hover)} ms (${r.hover.length}); told to shown ${spread(r.live)} ms (${r.live.length})`),
            r.acts && console.log(`    ${Object.entries(r.acts).map(([what, times]) => `${what} ${spread(times)} ms`).join("; ")}`));
}

for (const n of values.trials.split(",").map(Number)) await measure(n);

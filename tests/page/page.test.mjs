/* The page in a real browser, on a study that has ended, one that runs, and one of 50,000 trials. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { enter, openBrowser, PATIENCE, until, World } from "./world.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const world = new World();
let browser;

before(async () => {
    world.study("done", 14);
    world.run("run", "done.yaml");
    writeFileSync(world.path("live.yaml"), "metrics: {em: {prove: not_worse}, tokens: {prove: fewer, cap: 30000, marks: [1000, 30000]}}\nwindow: 1s\nlate: 1s\nlearn: 20\nramp: [0.1, 0.5]\nstep_units: 100000\n");
    world.run("rollout", "start", "done", "--plan", "live.yaml");
    world.run("watch", "done", "--once", "--ask", "none");
    world.staged();
    writeFileSync(world.path("big.yaml"), "study: big\ntrial: {command: [sh, trial.sh]}\nparameters:\n  lr: {type: float, range: [1e-4, 1e-1], scale: log}\n  batch: {type: int, range: [8, 512]}\nmetrics:\n  em: {goal: maximize, kind: proportion}\n  tokens: {goal: minimize, kind: count}\nobjective: {maximize: em}\n");
    let csv = "lr,batch,em,tokens\n";
    for (let i = 0; i < 50_000; i++) csv += `${(1e-4 * 10 ** ((3 * ((i * 7919) % 50_000)) / 50_000)).toPrecision(5)},${8 + ((i * 31) % 505)},${(((i * 104_729) % 9973) / 9973).toFixed(4)},${1000 + ((i * 17) % 900_000)}\n`;
    writeFileSync(world.path("big.csv"), csv);
    world.run("import", "big.yaml", "big.csv");
    writeFileSync(world.path("notify.yaml"), "channels:\n  desk: {command: [sh, -c, 'cat > told.json']}\n  gone: {webhook: 'http://127.0.0.1:9/x'}\n", { mode: 0o600 });
    await world.start({ GATE: world.gate, NOCTURNE_NOTIFY: world.path("notify.yaml") });
    world.study("runs", 100_000);
    await begin("runs");
    await until("two trials run", async () => (await world.call("GET", "/studies/runs")).states.running >= 2);
    browser = await openBrowser();
}, { timeout: PATIENCE });
after(async () => {
    await browser?.close();
    await world.end();
});

async function begin(study) {
    await world.call("PUT", `/studies/${study}/files/trial.sh`, readFileSync(world.path("trial.sh"), "utf8"), "application/octet-stream");
    await world.call("POST", "/studies", readFileSync(world.path(`${study}.yaml`), "utf8").replace("workers: {local: 2}", "workers: {local: 2}\nfiles: [trial.sh]"), "application/yaml");
}

async function close(page) {
    assert.deepEqual(page.wrongs, []);
    assert.deepEqual(page.elsewhere, []);
    await page.context().close();
}

/* As the service says it, but for the capital that it begins with, if not with a name. The disk fills meanwhile. */
async function healthIsTold(page, study) {
    const told = page.locator("[data-part=health]");
    await until("health is the service's", async () => {
        const { checks } = await world.call("GET", `/studies/${study}/health`), text = await told.textContent();
        return checks.every(({ check, sentence }) => check === "disk" || text.includes(/^(em|tokens|x|k|kind)\b/.test(sentence) ? sentence : sentence[0].toUpperCase() + sentence.slice(1)));
    });
}

/* Pixels that are not the background: a chart that is empty has nearly none. */
const inked = (figure) => figure.locator("canvas").first().evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let n = 0;
    for (let i = 3; i < data.length; i += 4) n += data[i] > 0;
    return n;
});

test("the answer to a stranger is a door, and nothing else", async () => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(world.url);
    await page.getByLabel("Token", { exact: true }).fill("noct_wrong");
    await page.getByRole("button", { name: "Enter" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Token", { exact: true }).fill(world.viewer);
    await page.getByRole("button", { name: "Enter" }).click();
    await page.getByRole("heading", { name: "Studies" }).waitFor();
    await page.context().close();
});

test("headers forbid whatever is not ours", async () => {
    const answer = await fetch(world.url), policy = answer.headers.get("content-security-policy");
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"]) assert.ok(policy.includes(part), part);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    const again = await fetch(`${world.url}/page.js`, { headers: { "If-None-Match": (await fetch(`${world.url}/page.js`)).headers.get("etag") } });
    assert.equal(again.status, 304);
    assert.equal((await fetch(`${world.url}/page.js`, { headers: { "Accept-Encoding": "identity" } })).status, 406);
    assert.match(await (await fetch(`${world.url}/third-party.txt`)).text(), /d3-contour[\s\S]*Permission to use[\s\S]*preact/);
});

test("a finished study: verdict first, and every chart has data", async () => {
    const page = await enter(browser, world, "#/s/done"), best = (await world.call("GET", "/studies/done")).best;
    assert.match(await page.locator("[data-part=verdict] .headline").innerText(), new RegExp(`trial ${best.trial}$`));
    for (const figure of ["history", "front", "curves"]) {
        const chart = page.locator(`[data-figure=${figure}]`);
        await chart.waitFor();
        await until(`${figure} has points`, async () => Number(await chart.locator("[data-points]").getAttribute("data-points")) > 5);
        await until(`${figure} is drawn`, async () => (await inked(chart)) > 500);
    }
    await healthIsTold(page, "done");
    await page.locator("[data-figure=history] summary").click();
    const [drawn] = await Promise.all([page.waitForEvent("download"), page.locator("[data-figure=history]").getByRole("button", { name: "PNG" }).click()]);
    assert.equal(readFileSync(await drawn.path()).subarray(1, 4).toString(), "PNG");
    const [report] = await Promise.all([page.waitForEvent("download"), page.locator("[data-report=html]").click()]);
    assert.equal(report.suggestedFilename(), "done.html");
    assert.match(readFileSync(await report.path(), "utf8"), /<svg/);
    const rows = page.locator("[data-part=confirmation] table").first().locator("tbody tr");
    const { length } = (await world.call("GET", "/studies/done")).comparison;
    await until("each configuration has a row", async () => (await rows.count()) === length);
    await page.goto(`${world.url}/#/s/done/why`);
    await page.locator("[data-part=importance] [data-metric=tokens]").waitFor();
    await until("k costs the tokens", async () => /^k/.test(await page.locator("[data-part=importance] [data-metric=tokens] tr").first().innerText()));
    for (const figure of ["contour", "contour-sd"]) await until(`${figure} has levels`, async () => (await page.locator(`[data-figure=${figure}] svg`).getAttribute("data-points")) > 3);
    await until("the model says what it expects", async () => /what the model expects/.test(await page.locator("[data-figure=slice-x]").innerText()));
    for (const figure of ["slice-x", "slice-k", "slice-kind", "parallel"]) await until(`${figure} is drawn`, async () => (await inked(page.locator(`[data-figure=${figure}]`))) > 200);
    await until("drawings side by side begin at one height", async () => {
        const tops = await page.evaluate(() => ["x", "k", "kind"].map((p) => document.querySelector(`[data-figure=slice-${p}] .drawing`).getBoundingClientRect().y));
        return Math.max(...tops) - Math.min(...tops) < 1;
    });
    await page.goto(`${world.url}/#/s/done/time`);
    for (const figure of ["timeline", "ledger"]) await until(`${figure} is drawn`, async () => (await inked(page.locator(`[data-figure=${figure}]`))) > 200);
    const { tokens } = await world.call("GET", "/studies/done/ledger"), all = tokens[tokens.length - 1], [said] = /^[\d.]+k?/.exec(await page.locator("[data-figure=ledger] h3").innerText());
    assert.ok(Math.abs(Number(said.replace("k", "e3")) / all - 1) < 0.01, `${said} of ${all}`);
    await until("the end is among the events", async () => /the study is complete/.test(await page.locator(".events").innerText()));
    await close(page);
});

test("what breaks a constraint is marked and nowhere the best; what is counted has its own name", async () => {
    world.bound("bound", "12");
    const { trials } = JSON.parse(world.run("trials", "bound", "--json")), broken = trials.filter((t) => t.feasible === false), best = (all) => all.filter((t) => t.role !== "confirm" && t.utility !== undefined).sort((a, b) => b.utility - a.utility)[0].trial;
    assert.ok(broken.length > 0 && broken.some((t) => t.trial === best(trials)), "the study is no test of it");
    let page = await enter(browser, world, "#/s/bound");
    await until("the last improvement is of what breaks none", async () => (await page.locator("[data-figure=history] h3").innerText()).includes(`trial ${best(trials.filter((t) => t.feasible))},`));
    for (const figure of ["history", "front"]) assert.match(await page.locator(`[data-figure=${figure}] figcaption`).innerText(), /◇ breaks a constraint/);
    const front = Number(/(\d+) on the front/.exec(JSON.parse(world.run("plot", "front", "bound", "--json")).title)?.[1]);
    assert.match(await page.locator("[data-figure=front] figcaption").innerText(), new RegExp(`^${front} trials on the front`));
    await until("the budget sums all runs by the metric's name", async () => /samples and .* of trials/.test(await page.locator("[data-part=budgets]").innerText()));
    assert.doesNotMatch(await page.locator("main#content").innerText(), /tokens/);
    await page.goto(`${world.url}/#/s/bound/trials`);
    await until("the table marks them", async () => (await page.locator("[role=grid]").getByText("breaks a constraint").count()) === broken.length);
    await page.goto(`${world.url}/#/s/bound/t/${broken[0].trial}`);
    await until("so does its own page", async () => /breaks a constraint/.test(await page.locator("[data-part=outcome] .headline").innerText()));
    await page.goto(`${world.url}/#/s/bound/time`);
    await until("the ledger too", async () => /samples spent/.test(await page.locator("[data-figure=ledger] h3").innerText()));
    assert.doesNotMatch(await page.locator("main#content").innerText(), /tokens/);
    await close(page);
    page = await enter(browser, world, "#/s/bound", { width: 360, height: 740 });
    await page.locator(".differences").waitFor();
    const [room, wide] = await page.locator(".differences").evaluate((e) => [e.parentElement.clientWidth, e.scrollWidth]);
    assert.ok(wide <= room, `${wide} px of differences in ${room}`);
    await close(page);
});

test("the slider's winner is the one of nocturne best --weights", async () => {
    const page = await enter(browser, world, "#/s/done"), slider = page.getByLabel("weight of em"), seen = new Set();
    for (const weight of [5, 30, 60, 95]) {
        await slider.fill(String(weight));
        const said = JSON.parse(world.run("best", "done", "--weights", `em=${weight / 100},tokens=${(100 - weight) / 100}`, "--json"));
        await page.locator(`[data-figure=front] [data-winner="${said.trial}"]`).waitFor();
        seen.add(said.trial);
    }
    assert.ok(seen.size > 1, "weights that move nobody show nothing");
    assert.match(page.url(), /w=0\.95,0\.05/);
    await page.reload();
    assert.equal(await slider.inputValue(), "95");
    await close(page);
});

test("front and weights stay in their columns; of three metrics two are chosen, and a ring is on the front of all", async () => {
    const page = await enter(browser, world, "#/s/staged"), front = page.locator("[data-figure=front]");
    await until("it is drawn", async () => (await inked(front)) > 500);
    const figure = await front.boundingBox(), slider = await page.getByLabel("weight of bytes").boundingBox();
    assert.ok(slider.x + slider.width <= figure.x + figure.width + 1 && slider.y > (await front.locator(".drawing").boundingBox()).y, "sliders lie below the drawing, and not beside it");
    const { trials } = await world.call("GET", "/studies/staged/trials"), signed = (t) => [-t.metrics.em, t.metrics.tokens, t.metrics.bytes];
    const best = trials.filter((t) => !trials.some((o) => signed(o).every((x, k) => x <= signed(t)[k]) && signed(o).some((x, k) => x < signed(t)[k])));
    for (const [across, up] of [["tokens", "em"], ["bytes", "tokens"]]) {
        await front.getByLabel("across").selectOption(across);
        await front.getByLabel("up").selectOption(up);
        await until(`${up} against ${across}`, async () => (await front.locator(".drawing").getAttribute("aria-label")).startsWith(`${up} against ${across}`));
        assert.match(await front.locator("figcaption").innerText(), new RegExp(`Ring: on the front of em, tokens, bytes together \\(${best.length}\\)`));
    }
    await close(page);
});

test("beside a best that was measured once stands what a re-run of it is expected to give", async () => {
    const page = await enter(browser, world, "#/s/staged"), { rerun } = await world.call("GET", "/studies/staged/best?rerun=true");
    const said = await page.locator("[data-part=rerun]").innerText();
    for (const name of ["em", "tokens", "bytes"]) assert.ok(said.includes(name), said);
    assert.ok(rerun.metrics.em.low <= rerun.metrics.em.expected && rerun.metrics.em.expected <= rerun.metrics.em.high);
    await page.goto(`${world.url}/#/s/done`);
    await page.locator("[data-part=verdict]").getByText("fresh seed").first().waitFor();
    assert.equal(await page.locator("[data-part=rerun]").count(), 0);
    await close(page);
});

test("lineage: which trial took over what from which", async () => {
    const page = await enter(browser, world, "#/s/staged/time"), part = page.locator("[data-part=lineage]"), { reuse } = await world.call("GET", "/studies/staged");
    await part.locator("tbody tr").first().waitFor();
    assert.deepEqual(page.asked.filter((path) => /\/trials\?/.test(path)), []);
    assert.match(await part.locator("h2").innerText(), new RegExp(`^${reuse.stages} stages taken over from earlier trials`));
    const { trials } = await world.call("GET", "/studies/staged/trials");
    assert.equal(await part.locator("tbody tr").count(), trials.filter((t) => t.stages.some((s) => s.users > 1)).length);
    for (const { stages: [s] } of trials.filter((t) => t.stages[0].trial === t.trial && t.stages[0].users > 1))
        assert.equal(await part.locator(`td.shared[rowspan="${s.users}"]`, { hasText: `x=${s.params.x}` }).filter({ hasText: `run by trial ${s.trial},` }).count(), 1);
    const taker = trials.find((t) => t.stages[0].trial !== t.trial);
    await part.locator("tbody th a", { hasText: new RegExp(`^${taker.trial}$`) }).click();
    await page.locator("[data-part=lineage] .lineage li", { hasText: `run by trial ${taker.stages[0].trial}` }).first().waitFor();
    await close(page);
});

test("the fleet: what ran on each slot, and when", async () => {
    const page = await enter(browser, world, "#/fleet"), lanes = page.locator("[data-figure=slots] canvas");
    const { trials } = await world.call("GET", "/studies/staged"), ran = async () => Number(await lanes.getAttribute("data-points"));
    await until("all attempts of the last hour have a bar", async () => (await ran()) > trials);
    await until("bars are drawn", async () => (await inked(page.locator("[data-figure=slots]"))) > 500);
    await until("a click on a bar opens its trial", async () => {
        const { x, y, width, height } = await lanes.boundingBox();
        for (let right = width - 3; right > 0; right -= width / 40) {
            await page.mouse.click(x + right, y + height / 2);
            if (/\/t\/\d+$/.test(page.url())) return true;
        }
    });
    await page.locator("[data-part=outcome]").waitFor();
    await close(page);
});

test("a log is read once, and then what is new", async () => {
    const { trials: [{ trial }] } = await world.call("GET", "/studies/runs/trials?state=running"), page = await enter(browser, world, `#/s/runs/t/${trial}`);
    await page.locator(".tail pre", { hasText: '"step": 1' }).waitFor();
    const pieces = () => page.asked.filter((path) => /\/artefacts\//.test(path)).map((path) => Number(/[?&]from=(\d+)/.exec(path)?.[1]));
    await until("it waits for more", async () => pieces().length > 1);
    assert.equal(pieces()[0], 0);
    assert.ok(pieces().slice(1).every((from) => from > 0), `read from ${pieces()}`);
    writeFileSync(world.gate, "");
    await page.locator(".tail pre", { hasText: `log of trial ${trial}` }).waitFor();
    await close(page);
});

test("the readout says the same for mouse and keys, and stays over a live update", async () => {
    const page = await enter(browser, world, "#/s/runs"), drawing = page.locator("[data-figure=history] .drawing"), readout = page.locator(".readout");
    const drawn = async () => Number(await drawing.getAttribute("data-points")), firstLines = async () => (await readout.innerText()).split("\n").slice(0, 3).join("\n");
    const staysOverMore = async () => {
        const said = await firstLines(), before = await drawn();
        await until("more trials are drawn", async () => (await drawn()) > before + 2);
        assert.equal(await firstLines(), said);
        return said;
    };
    await until("points are drawn", async () => (await drawn()) > 3);
    await drawing.focus();
    await page.keyboard.press("Home");
    await until("keys show it", async () => readout.count());
    assert.match(await staysOverMore(), /^\s*trial 0 · complete · baseline/);
    await page.keyboard.press("Escape");
    await readout.waitFor({ state: "detached" });
    const { x, y, width, height } = await drawing.boundingBox();
    await until("the mouse finds one", async () => {
        for (let down = 0.1; down < 1; down += 0.1) for (let right = 0.05; right < 1; right += 0.1) {
            await page.mouse.move(x + right * width, y + down * height);
            if (await readout.count()) return true;
        }
    });
    const [, trial] = /trial (\d+)/.exec(await staysOverMore());
    const row = await world.call("GET", `/studies/runs/trials/${trial}`);
    assert.match(await readout.innerText(), new RegExp(`tokens ${row.metrics.tokens}\\b`));
    await close(page);
});

test("what happens in one study is no reason to ask for another", async () => {
    const page = await enter(browser, world, "#/s/done"), looks = () => page.asked.filter((path) => path === "/studies/done").length;
    await healthIsTold(page, "done");
    const before = looks(), { seq } = await world.call("GET", "/studies/runs");
    await until("much has happened elsewhere", async () => (await world.call("GET", "/studies/runs")).seq > seq + 150);
    assert.ok(looks() - before < 2, `${looks() - before} looks`);
    await close(page);
});

test("a study that ends is judged once more; with few trials importance says what it needs", async () => {
    rmSync(world.gate);
    world.study("ends", 4);
    await begin("ends");
    const page = await enter(browser, world, "#/s/ends");
    await page.locator("[data-part=running] li").nth(1).waitFor();
    await healthIsTold(page, "ends");
    writeFileSync(world.gate, "");
    await until("it has ended", async () => (await world.call("GET", "/studies/ends")).phase === "complete");
    await healthIsTold(page, "ends");
    await page.goto(`${world.url}/#/s/ends/why`);
    await page.locator("[data-part=importance]").getByText(/^Importance needs \d+ complete trials; \d+ so far$/).waitFor();
    await close(page);
});

test("seven tabs live on one stream; when the one that reads it is closed, another goes on", async () => {
    const first = await enter(browser, world, "#/s/done"), tabs = [first], streams = () => tabs.filter((p) => p.asked.includes("/events"));
    await first.locator("[data-sign=live]").waitFor();
    while (tabs.length < 7) tabs.push(await enter(browser, world, "#/s/done", { context: first.context() }));
    const hears = async (text) => {
        await world.call("PUT", "/studies/done/note", { text });
        for (const page of tabs) await page.locator(".note-text", { hasText: text }).waitFor();
    };
    for (const page of tabs) await page.locator("[data-part=note]").waitFor();
    await hears("all seven hear this");
    assert.deepEqual(streams(), [first]);
    tabs.shift();
    await first.close();
    await hears("and the six that are left");
    assert.equal(streams().length, 1);
    for (const page of tabs) assert.deepEqual(page.wrongs, []);
    await tabs[0].context().close();
});

test("a token that is revoked leads to the door, in all tabs", async () => {
    const { id, token } = await world.call("POST", "/tokens", { name: "leaver", role: "viewer" });
    const page = await enter(browser, world, "#/s/done", { token }), beside = await enter(browser, world, "#/", { token, context: page.context() });
    await page.locator("[data-sign=live]").waitFor();
    await beside.locator("[data-sign=live]").waitFor();
    await world.call("DELETE", `/tokens/${id}`);
    for (const tab of [page, beside]) await tab.getByRole("alert").filter({ hasText: "unknown, expired or revoked" }).waitFor();
    await page.getByLabel("Token", { exact: true }).fill(world.viewer);
    await page.getByRole("button", { name: "Enter" }).click();
    await page.locator("[data-sign=live]").waitFor();
    await page.locator("[data-part=verdict]").waitFor();
    await close(page);
});

test("text of trials is text", async () => {
    const page = await enter(browser, world, "#/s/done/t/3");
    await page.locator(".tail pre", { hasText: "<script>alert(1)</script>" }).waitFor();
    await page.goto(`${world.url}/#/s/done/trials`);
    await page.locator(".grid-room .grid-row", { hasText: "<b>bold</b>" }).first().waitFor();
    await close(page);
});

test("the filter knows where parameters come from, as trials have it", async () => {
    const { trials } = await world.call("GET", "/studies/done/trials"), sobol = trials.filter((t) => t.source.includes("sobol")).length;
    assert.ok(sobol > 0 && sobol < trials.length);
    const page = await enter(browser, world, "#/s/done/trials?f=source:sobol"), grid = page.getByRole("grid");
    await until("those of the spread", async () => (await grid.getAttribute("aria-rowcount")) === String(sobol + 1));
    await page.locator("#filter").fill("-source:sobol");
    await until("the others", async () => (await grid.getAttribute("aria-rowcount")) === String(trials.length - sobol + 1));
    await close(page);
});

test("50,000 trials: filtered, sorted, by keys, in thirty rows of the page", async () => {
    const page = await enter(browser, world, "#/s/big/trials?sort=-em");
    await page.getByText("50000 trials").or(page.getByText("50.0k trials")).first().waitFor();
    const grid = page.getByRole("grid"), first = grid.locator(".grid-room .grid-row").first();
    assert.equal(await grid.getAttribute("aria-rowcount"), "50001");
    assert.ok((await grid.locator(".grid-row").count()) < 60);
    const top = await first.innerText();
    await page.locator("#filter").fill("em>0.5 lr:1e-3..2e-3 -batch<100");
    await until("fewer rows", async () => Number(await grid.getAttribute("aria-rowcount")) < 10_000);
    assert.match(page.url(), /f=em(>|%3E)0\.5/);
    await page.locator("#filter").fill("nonsense>3");
    await page.locator("#filter-help", { hasText: "there is no 'nonsense'" }).waitFor();
    await page.locator("#filter").fill("");
    await until("all rows", async () => (await grid.getAttribute("aria-rowcount")) === "50001");
    assert.equal(await first.innerText(), top);
    await grid.focus();
    await page.keyboard.press("End");
    await page.locator('[aria-rowindex="50001"][aria-selected=true]').waitFor();
    await page.goto(`${world.url}/#/s/big`);
    for (const figure of ["history", "front"]) await until(`${figure} is drawn`, async () => (await inked(page.locator(`[data-figure=${figure}]`))) > 5000);
    await page.goto(`${world.url}/#/s/big/why`);
    await until("the lines are drawn", async () => (await inked(page.locator("[data-figure=parallel]"))) > 5000);
    await close(page);
});

test("an operator pauses and resumes; a viewer has no such button, and is refused by hand", async () => {
    const page = await enter(browser, world, "#/s/runs");
    await page.locator("[data-action=pause]").click();
    await page.getByRole("dialog").getByText("Nothing new starts").waitFor();
    await page.getByRole("button", { name: "Pause", exact: true }).last().click();
    await until("it is paused", async () => (await world.call("GET", "/studies/runs")).phase === "paused");
    await page.locator("[data-action=resume]").click();
    await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
    await until("it goes on", async () => (await world.call("GET", "/studies/runs")).phase === "open");
    await page.goto(`${world.url}/#/s/runs/trials`);
    await page.getByText("Try a configuration of your own").click();
    await page.locator(".enqueue input").first().fill("7");
    await page.getByText("lies from 0.01 to 1").waitFor();
    assert.ok(await page.locator("[data-action=enqueue]").isDisabled());
    await page.locator(".enqueue input").first().fill("0.123");
    await page.locator("[data-action=enqueue]").click();
    await page.getByRole("dialog").getByRole("button", { name: "Try it" }).click();
    await until("it is queued", async () => (await world.call("GET", "/studies/runs/trials?role=enqueued")).trials.some((t) => t.params.x === 0.123));
    await close(page);
    const looking = await enter(browser, world, "#/s/runs", { token: world.viewer });
    await looking.locator("[data-part=budgets]").waitFor();
    assert.equal(await looking.locator("[data-action]").count(), 0);
    const status = await looking.evaluate(async (token) => (await fetch("/api/v1/studies/runs/pause", { method: "POST", headers: { Authorization: `Bearer ${token}` } })).status, world.viewer);
    assert.equal(status, 403);
    await close(looking);
});

/* So many users of a rollout without ranges, all of whom get the champion. */
const serve = (rollout, n, from) => world.call("POST", `/rollouts/${rollout}/outcomes`, { outcomes: Array.from({ length: n }, (_, i) => ({ unit: `u${from + i}`, id: "o", variant: "champion", metrics: { em: i % 2, tokens: 2000 + i } })) });

/* So many of all, as the rules have it. */
async function serveBoth(rollout, n, from) {
    const rules = await world.call("GET", `/rollouts/${rollout}/ruleset`), place = (unit) => parseInt(createHash("sha256").update(`${rules.salt}:${unit}`).digest("hex").slice(0, 13), 16) / 2 ** 52;
    const variant = (unit) => rules.ranges.find(([low, high]) => low <= place(unit) && place(unit) < high)?.[2] ?? "champion", units = Array.from({ length: n }, (_, i) => `b${from + i}`);
    await world.call("POST", `/rollouts/${rollout}/outcomes`, { outcomes: units.map((unit, i) => ({ unit, id: "o", variant: variant(unit), experiment: rules.experiment, period: rules.period, metrics: { em: i % 2, tokens: 2000 + i } })) });
}

test("what is live: as it happens, in the words of the command; an operator gives orders, a viewer only looks", async () => {
    const page = await enter(browser, world, "#/live"), line = page.locator("[data-rollout=done]"), { rollout } = await world.call("GET", "/rollouts/done");
    assert.equal(rollout, "done");
    await line.getByText("learning what is usual: 0 of 20 units").waitFor();
    await line.getByRole("link").click();
    const loop = () => JSON.parse(world.run("loop", "done", "--json")).loops[0];
    await until("it says what is next", async () => (await page.locator("[data-part=next]").innerText()).includes(loop().next));
    await page.locator("[data-part=drift]").getByText(/^Learning what is usual: 0 of 2000 units/).waitFor();
    await page.locator("[aria-current=step]").getByText("learning").waitFor();
    await serve("done", 40, 0);
    await page.locator("[data-part=tried]").getByText(/^Experiment 1: running since .* at 10 % for challengers, step 1 of 2/).waitFor(); /* told by the stream */
    const order = async (name, question) => {
        await page.locator(`[data-action=${name}]`).click();
        await page.getByRole("dialog").getByText(question).waitFor();
        await page.getByRole("dialog").locator("button.main").click();
    };
    const shows = (text) => page.locator("[data-part=tried]").getByText(text).waitFor();
    await order("ramp", "next step of the ramp");
    await shows(/at 50 % for challengers, step 2 of 2/);
    await order("pause", "until it is resumed");
    await shows(/paused since/);
    await order("resume", "The same people");
    await shows(/running since/);
    await order("kill", "at once, whatever runs");
    await page.locator(".headline").getByText(/Killed, everybody gets the champion/).waitFor();
    await order("revive", "assigned again");
    await page.locator("[data-action=kill]").waitFor(); /* it has looked: an order is for what was seen */
    await order("resume", "The same people");
    await shows(/running since/);
    const drawn = page.locator("[data-figure=course-challenger]"), course = () => world.call("GET", "/rollouts/done/course");
    assert.equal(await drawn.count(), 0);
    for (let n = 0; n < 3; n++) {
        const before = (await course()).units.at(-1) ?? 0;
        await serveBoth("done", 200, 1000 * n);
        await until("they are scored", async () => ((await course()).units.at(-1) ?? 0) >= before + 200);
    }
    await page.reload();
    await drawn.getByText(/^em [+−]?\d.* points \(.* to .*\) after \d+ units$/).waitFor();
    await drawn.getByText(/steps of the ramp: 10\s% from \d\d:\d\d:\d\d, 50\s% from \d\d:\d\d:\d\d/).waitFor(); /* seconds apart */
    await drawn.locator("select").selectOption("tokens, the bill");
    await drawn.getByText(/^tokens, the bill .* % \(/).waitFor();
    await drawn.locator("summary").click();
    assert.equal(await drawn.locator("tbody tr").count(), (await course()).at_ms.length);
    const looking = await enter(browser, world, "#/live/done", { token: world.viewer });
    await looking.locator("[data-part=happened] li").first().waitFor();
    assert.equal(await looking.locator("[data-action]").count(), 0);
    assert.equal(await looking.evaluate(async (token) => (await fetch("/api/v1/rollouts/done/kill", { method: "POST", headers: { Authorization: `Bearer ${token}` } })).status, world.viewer), 403);
    const { champion: { trial: served }, experiment: { variants: { challenger: { trial: tried } } } } = await world.call("GET", "/rollouts/done");
    await order("promote", "though it has not proven itself");
    for (const who of [page, looking]) await who.locator("[data-part=served]").getByText(`Trial ${tried}`).waitFor();
    await until("each event has a line", async () => (await page.locator("[data-part=happened] li").count()) === loop().version);
    assert.equal(await page.locator("[data-action=ramp]").count(), 0);
    await order("rollback", "Take the promotion back");
    for (const who of [page, looking]) await who.locator("[data-part=served]").getByText(`Trial ${served}`).waitFor();
    await close(page);
    await close(looking);
});

test("a killed server is lost, in words, and comes back by itself", async () => {
    const page = await enter(browser, world, "#/s/done"), sign = page.locator("[data-sign]");
    await page.locator("[data-sign=live]").waitFor();
    await page.locator("[data-part=verdict]").waitFor();
    await world.kill();
    await page.locator("[data-sign=lost]").waitFor();
    assert.match(await sign.innerText(), /^lost since \d\d:\d\d, trying again$/);
    assert.ok(await page.locator("[data-part=verdict]").isVisible(), "what was seen stays");
    await world.start({ GATE: "", NOCTURNE_NOTIFY: world.path("notify.yaml") });
    await page.locator("[data-sign=live]").waitFor();
    await close(page);
});

test("by keys alone: from the list of studies to a trial and back", async () => {
    const page = await enter(browser, world, "#/");
    await page.getByRole("link", { name: "done" }).focus();
    await page.keyboard.press("Enter");
    await page.locator("[data-part=verdict]").waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("t");
    await page.getByRole("grid").focus();
    for (const [key, row] of [["Home", 2], ["ArrowDown", 3]]) {
        await page.keyboard.press(key);
        await page.locator(`[aria-rowindex="${row}"][aria-selected=true]`).waitFor();
    }
    await page.keyboard.press("Enter");
    await page.locator("[data-part=outcome]").waitFor();
    assert.match(page.url(), /\/t\/1$/);
    await page.keyboard.press("Escape");
    await page.locator("[data-part=verdict]").waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await close(page);
});

test("on a phone nothing is cut off, and the verdict is on the first screen", async () => {
    for (const hash of ["#/", "#/live", "#/live/done", "#/s/done", "#/s/done/trials", "#/s/done/why", "#/s/done/time", "#/s/staged/time", "#/s/staged", "#/s/done/t/2", "#/fleet", "#/compare?s=done,runs"]) {
        const page = await enter(browser, world, hash, { width: 360, height: 740, touch: true });
        await page.locator("main#content :is(h1, h2)").first().waitFor();
        await page.locator("main#content").locator("canvas, [role=grid], .studies, .facts, .lead").first().waitFor();
        if (hash.endsWith("why")) await page.locator("[data-part=importance] [data-metric=tokens]").waitFor();
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360, `${hash} is wider than the phone`);
        if (hash === "#/s/done") assert.ok((await page.locator("[data-part=verdict] .headline").boundingBox()).y < 300);
        await close(page);
    }
});

test("no serious finding of axe, light and dark", async () => {
    for (const dark of [false, true])
        for (const hash of ["#/", "#/live", "#/live/done", "#/s/done", "#/s/done/trials", "#/s/done/why", "#/s/done/time", "#/s/staged/time", "#/s/staged", "#/s/done/t/2", "#/s/runs", "#/fleet", "#/compare?s=done,runs"]) {
            const page = await enter(browser, world, hash, { dark });
            await page.locator("main#content :is(h1, h2)").first().waitFor();
            if (hash.includes("done") && !hash.includes("compare")) await page.locator("[data-part], [data-figure]").first().waitFor();
            await page.context().newCDPSession(page).then((cdp) => cdp.send("Page.setBypassCSP", { enabled: true }));
            const found = await page.evaluate(`(() => { ${AXE}; return axe.run(document, { resultTypes: ["violations"] }); })()`);
            assert.deepEqual(found.violations.filter((x) => ["serious", "critical"].includes(x.impact)).map((x) => `${hash} ${dark ? "dark" : "light"} ${x.id}: ${x.nodes.slice(0, 3).map((n) => n.target.join(" ") + " " + n.failureSummary.slice(0, 200)).join("; ")}`), []);
            await page.context().close();
        }
});

test("an operator tries who is told; a viewer does not see it", async () => {
    const page = await enter(browser, world, "#/fleet"), told = page.locator("[data-part=told]");
    await told.locator("[data-action=test-notify]").click();
    await told.locator("tr", { hasText: "desk" }).getByText("arrived").waitFor();
    await told.locator("tr", { hasText: "gone" }).getByText(/refused|connect/i).waitFor();
    await told.getByText("not all of it arrived").waitFor();
    assert.equal(JSON.parse(readFileSync(world.path("told.json"), "utf8")).kind, "test");
    await close(page);
    const looking = await enter(browser, world, "#/fleet", { token: world.viewer });
    await looking.locator("[data-figure=slots], main#content h1").first().waitFor();
    assert.equal(await looking.locator("[data-part=told]").count(), 0);
    await close(looking);
});
